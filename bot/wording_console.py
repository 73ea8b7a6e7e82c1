"""The console's words, in zh-CN and en; `bot.wording` says them like all others.

Knows: what the console's pages say. Does not know: when they say it.
"""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    # --- every page
    "console.brand": ("墨友", "Moyou"),
    "console.skip": ("跳到正文", "Skip to the text"),
    "console.menu": ("页面", "Pages"),
    "console.menu_chat": ("对话", "Chat"),
    "console.menu_journal": ("簿记", "Journal"),
    "console.languages": ("界面语言", "Language of the pages"),
    "console.waiting": ("墨友正在写……", "Moyou is writing…"),
    "console.lost": (
        "连不上墨友了；字还在，请稍后再试一次。",
        "Moyou cannot be reached; your words are still here, try again in a moment.",
    ),
    "console.optional": ("可不填", "optional"),
    "console.list_comma": ("、", ", "),
    "console.none_yet": ("还没有", "none yet"),
    # --- faults
    "console.fault_title": ("没能做到", "That did not work"),
    "console.reference": ("编号", "Reference"),
    "console.back_home": ("回到对话", "Back to the chat"),
    "console.refused": ("这个请求没有被接受。", "This request was not accepted."),
    "console.refused_host": (
        "这个地址不是墨友的；请用 127.0.0.1 或 localhost 打开。",
        "This is not an address of Moyou's; open it as 127.0.0.1 or localhost.",
    ),
    "console.refused_post": (
        "这个请求不是从墨友的页面发出的；请刷新页面再试。",
        "This request did not come from a page of Moyou's; reload the page and try again.",
    ),
    "console.refused_sign_in": ("请先登录，再来一次。", "Sign in first, then try again."),
    "console.not_found": ("这里没有这一页。", "There is no such page here."),
    "console.wrong_method": ("这一页不能这样打开。", "This page cannot be opened this way."),
    "console.too_large": (
        "内容超过 10 MB，太长了；请分几次来。",
        "That is more than 10 MB; send it in several parts.",
    ),
    "console.bad_request": (
        "这个请求读不懂，请换个写法。",
        "This request cannot be read; try it another way.",
    ),
    # --- chat
    "console.chat_title": ("与墨友对话", "Chat with Moyou"),
    "console.welcome": ("铺纸，研墨，慢慢说。", "Paper laid, ink ground. Take your time."),
    "console.welcome_more": (
        "墨友只用这台机器上的模型写字，不连外网。说点什么，或从下面挑一句开始。",
        "Moyou writes with models on this machine alone and calls nobody. Say something, or "
        "begin with a line below.",
    ),
    "console.starters": ("可以这样开始", "Ways to begin"),
    "console.starter_1": ("你好，你是谁？", "Hello, who are you?"),
    "console.starter_2": ("今天有点累，陪我说几句吧", "I am a little tired today, talk with me"),
    "console.starter_3": ("想写日记，却不知从何写起", "I want to keep a diary but cannot begin"),
    "console.log": ("对话", "Conversation"),
    "console.your_words": ("写下你想说的话", "Say something"),
    "console.send": ("寄出", "Send"),
    "console.composer_hint": ("回车寄出，Shift + 回车换行", "Enter sends, Shift + Enter makes a new line"),
    "console.new_conversation": ("另起一张纸", "A new sheet"),
    "console.you_said": ("你说：", "You said:"),
    "console.moyou_said": ("墨友说：", "Moyou said:"),
    # --- a reply and what can be done with it
    "console.like": ("喜欢", "Like"),
    "console.dislike": ("不喜欢", "Dislike"),
    "console.noted_like": ("记下了：喜欢。", "Noted: you like it."),
    "console.noted_dislike": ("记下了：不喜欢。", "Noted: you do not like it."),
    "console.noted_none": ("已收回。", "Taken back."),
    "console.noted_reason": ("原因也记下了，谢谢。", "The reasons are noted, thank you."),
    "console.not_noted": (
        "你要求过不留存，所以这次评价没有记下。要改，请到「簿记」的「隐私」那一页。",
        "You asked for nothing to be kept, so this was not noted. To change that, open "
        "Journal, then Privacy.",
    ),
    "console.reason_title": ("哪里不好？", "What is wrong with it?"),
    "console.reason_off_topic": ("跑题", "off the subject"),
    "console.reason_not_fluent": ("不通顺", "does not read well"),
    "console.reason_dull": ("太平淡", "dull"),
    "console.reason_copied": ("照抄", "copied"),
    "console.reason_wrong_form": ("格式不对", "wrong form"),
    "console.reason_not_fitting": ("不合适", "not fitting"),
    "console.reason_send": ("告诉墨友", "Tell Moyou"),
    "console.again": ("再来一次", "Again"),
    "console.again_hint": ("同样的请求，换一粒种子", "The same request with a new seed"),
    "console.vary": ("变一变", "Vary"),
    "console.vary_hint": ("在这一则的近旁再写一则", "Another one, near this one"),
    "console.copy": ("抄录", "Copy"),
    "console.copied": ("已抄录。", "Copied."),
    "console.not_copied": (
        "抄录不了，请选中文字复制。",
        "It could not be copied; select the text and copy it.",
    ),
    "console.gone_title": ("字已经擦去了", "The words are erased"),
    "console.gone": (
        "当初的请求已按保存期限擦去，不能照原样再来；请重新写一次。",
        "What was asked has been erased when its time was over, so it cannot be repeated; ask once more.",
    ),
    "console.back_reply": ("看原来那一则", "See the reply"),
    "console.not_kept": (
        "你要求不留存，所以这一则不能评价，也不能再来一次。",
        "You asked that nothing be kept, so this one can neither be judged nor repeated.",
    ),
    # --- verse
    "console.form": ("体裁", "Form"),
    "console.length": ("字数", "Length"),
    "console.length_even": (
        "{lines} 句，每句 {each} 字，共 {all} 字",
        "{lines} lines of {each} characters, {all} in all",
    ),
    "console.length_uneven": ("{lines} 句，共 {all} 字", "{lines} lines, {all} characters in all"),
    "console.tones": ("平仄", "Tones"),
    "console.tones_ok": ("字字合律", "every character fits"),
    "console.tones_broken": ("有字出律，见红色波线", "some characters break the pattern, see the wavy lines"),
    "console.rhyme": ("押韵", "Rhyme"),
    "console.no_rhyme": ("无", "none"),
    "console.form_ok": ("合格律", "The form holds"),
    "console.form_broken": ("不合格律", "The form is broken"),
    "console.legend": (
        "字旁上为此字的平仄，下为格律所求；朱字押韵，旁注韵部。",
        "Beside each character: above, its own tone; below, what the pattern asks. Red "
        "rhymes, with its group.",
    ),
    "console.marks": ("逐字看平仄", "Tones, character by character"),
    "console.marks_hint": (
        "每个字后面是它的平仄，括号里是格律要求的；「中」是可平可仄。押韵的字另注平水韵部。",
        "After each character its tone (level or oblique), in brackets what the pattern asks "
        "there; the third "
        "sign means either. Rhyming characters carry the name of their rhyme group.",
    ),
    # --- why
    "console.why": ("为何这样写", "Why this"),
    "console.origin_generated": (
        "这是模型自己写的：它从随机的意念出发，一个字一个字写出几份草稿，再由评判选出一份。",
        "The model wrote this itself: from random latents it wrote drafts, character by "
        "character, and the judge "
        "chose one.",
    ),
    "console.origin_edited": (
        "这是改写的：先从墨友自己的语料里找到相近的一句，再由模型改写。",
        "This is edited: the nearest line of Moyou's own book was found and the model rewrote it.",
    ),
    "console.origin_book": (
        "这是从墨友自己的语料里选出的一句，没有改动。",
        "This is a line of Moyou's own book, unchanged.",
    ),
    "console.origin_extract": ("这是从原文里摘出来的。", "This was taken from the text as it stands."),
    "console.origin_fixed": (
        "这是事先写好的话。说到安危的时候，墨友不即兴发挥。",
        "This was written beforehand. Where somebody's safety is at stake, Moyou does not improvise.",
    ),
    "console.origin_short_generated": ("自写", "generated"),
    "console.origin_short_edited": ("改写", "edited"),
    "console.origin_short_book": ("选句", "from the book"),
    "console.origin_short_extract": ("摘录", "extract"),
    "console.origin_short_fixed": ("成句", "fixed"),
    "console.model": ("模型", "Model"),
    "console.seed": ("种子", "Seed"),
    "console.reward_model": ("评判模型", "Reward model"),
    "console.novelty": ("新颖度", "Novelty"),
    "console.propensity": ("选中的概率", "Chance of being chosen"),
    "console.time_taken": ("用时", "Time taken"),
    "console.milliseconds": ("{count} 毫秒", "{count} ms"),
    "console.generation": ("编号", "Id"),
    "console.latent": ("隐变量，{count} 维", "The latent, {count} numbers"),
    "console.drafts": ("草稿 {count} 份", "Drafts: {count}"),
    "console.chosen": ("选用", "sent"),
    "console.score": ("总分", "score"),
    "console.score_repetition": ("不重复", "no repetition"),
    "console.score_balance": ("引号括号", "quotes and brackets"),
    "console.score_language": ("语种", "language"),
    "console.score_ending": ("收尾", "ending"),
    "console.score_novelty": ("不照抄", "not copied"),
    "console.score_length": ("长短", "length"),
    "console.score_fluency": ("通顺", "fluency"),
    "console.score_similarity": ("与样句相近", "near its prototype"),
    "console.score_fit": ("贴合", "fit"),
    "console.score_theme": ("切题", "theme"),
    "console.score_form": ("格律", "form"),
    "console.score_parallel": ("对仗", "parallel lines"),
    "console.score_reward": ("大家的口味", "people's taste"),
    # --- a task's form
    "console.write": ("落笔", "Write"),
    "console.results": ("结果", "Results"),
    "console.no_choice": ("不选", "no choice"),
    "console.field_hint": ("{hint}。至多 {limit} 字。", "{hint}. At most {limit} characters."),
    "console.number_hint": ("{hint}。{low} 到 {high}。", "{hint}. From {low} to {high}."),
    # --- summaries
    "console.summary_lead": (
        "贴上一段聊天记录或文章，墨友摘出要点。要点都是原话，点编号就能看到出处；什么都不保存。",
        "Paste a chat log or an article and Moyou takes out the points, in the words that "
        "stand there. Each number "
        "leads to its source. Nothing is kept.",
    ),
    "console.pasted": ("聊天记录或文章", "Chat log or article"),
    "console.pasted_hint": (
        "一行一条「名字：内容」最好认；文章直接贴。",
        "Lines like “name: text” are read best; paste an article as it is.",
    ),
    "console.upload": ("或者上传文件", "Or upload a file"),
    "console.upload_hint": (
        "纯文本、Markdown、CSV、JSON，或 Discord 等导出的聊天记录；不超过 10 MB。",
        "Text, Markdown, CSV, JSON, or a channel exported from Discord and the like; up to 10 MB.",
    ),
    "console.count_hint": (
        "只读最后多少段，不填就全读",
        "Read only so many of the last passages; all when left out",
    ),
    "console.point": ("要点 {number}", "Point {number}"),
    "console.kind_count": ("{kind} {count}", "{kind} {count}"),
    "console.summarise": ("摘要", "Summarise"),
    "console.no_title": ("要点", "Points"),
    "console.read_all": ("读了 {count} 段。", "Passages read: {count}."),
    "console.read_messages": (
        "读了最后 {count} 段，一共 {all} 段。",
        "Passages read: the last {count} of {all}.",
    ),
    "console.quiet": ("没有什么要紧的事。", "Nothing much happened."),
    "console.sources": ("出处", "Sources"),
    "console.source_of": ("，{author}", ", {author}"),
    "console.original": ("原文", "The text"),
    # --- journal
    "console.reports": ("举报", "Reports"),
    "console.reports_open": (
        "有人举报了 {count} 条回复，去看看",
        "People reported {count} replies; read them",
    ),
    "console.reports_none": ("没有人举报", "Nothing was reported"),
    "console.reports_lead": (
        "大家在 Discord 里举报的回复，新的在前；不说是谁举报的。在 Discord 里删掉那条回复，举报就了结了。",
        "Replies that people in Discord reported, newest first, without who it was. A report is settled when "
        "its reply is deleted in Discord.",
    ),
    "console.reports_no_text": ("（全是引用的话，不保留）", "(all of it was quoted, which is not kept)"),
    "console.reports_no_reason": ("没有说原因", "no reason given"),
    "console.journal_title": ("墨友记下了什么", "What Moyou keeps"),
    "console.journal_lead": (
        "每一则回复和每一次评价都记在这台机器的一个文件里，墨友由此学着写得更好。",
        "Every reply and every judgement stands in one file on this machine; from it Moyou "
        "learns to write better.",
    ),
    "console.count_generations": ("回复", "Replies"),
    "console.count_signals": ("评价", "Judgements"),
    "console.count_likes": ("喜欢", "Likes"),
    "console.count_dislikes": ("不喜欢", "Dislikes"),
    "console.count_people": ("评价过的人", "People who judged"),
    "console.by_task": ("按任务", "By task"),
    "console.task": ("任务", "Task"),
    "console.models": ("模型", "Models"),
    "console.hash": ("指纹", "Hash"),
    "console.state": ("状态", "State"),
    "console.loaded": ("已载入", "loaded"),
    "console.not_loaded": ("用到时载入", "loaded when needed"),
    "console.waiting_now": ("排队等候：{count}", "Waiting now: {count}"),
    "console.yours": ("你的字", "Your words"),
    "console.kept": (
        "你写的字保存 {hours} 小时，供「再来一次」「变一变」和「为何」使用，然后擦去；它们从不用来训练。",
        "What you write is kept for {hours} hours, for “again”, “vary” and “why”, then erased; it "
        "never trains a model.",
    ),
    "console.kept_none": (
        "你写的字不保存，也从不用来训练。",
        "What you write is not kept and never trains a model.",
    ),
    "console.keep_off": ("以后什么都不要留存", "Keep nothing of mine from now on"),
    "console.keep_on": ("恢复留存", "Keep again"),
    "console.keep_is_off": (
        "你要求过不留存：现在你的回复和评价都不进簿。",
        "You asked that nothing be kept: neither replies to you nor your judgements are recorded now.",
    ),
    "console.forget": ("忘掉我", "Forget me"),
    "console.forget_what": (
        "擦去写给你的所有回复、你的所有评价和所有请求，不能恢复。",
        "Erases every reply written for you, all your judgements and all you asked. It cannot be undone.",
    ),
    "console.forget_now": ("全部擦去", "Erase everything"),
    "console.forgotten": (
        "擦去了 {replies} 则回复、{signals} 次评价。",
        "Erased: replies {replies}, judgements {signals}.",
    ),
    # --- signing in
    "console.sign_in": ("登录", "Sign in"),
    "console.sign_in_lead": (
        "这个控制台可以从别的机器访问，所以需要口令；口令在墨友的设置里，由主人保管。",
        "Other machines can reach this console, so it asks for the token, which its owner set "
        "in Moyou's settings.",
    ),
    "console.token": ("口令", "Token"),
    "console.wrong_token": ("口令不对，请再试一次。", "That is not the token; try again."),
    "console.wait_token": ("错得太多次了，请过一分钟再试。", "Too many wrong tries; wait a minute."),
    "console.sign_out": ("退出登录", "Sign out"),
}
