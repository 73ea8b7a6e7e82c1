"""Discord's words, in zh-CN and en; `bot.wording` says them like all others.

Knows: what Moyou says in conversation, under replies, in commands and about privacy. Does not know:
when it is said, or the names of tasks (those are in `prompts/`).
"""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    # --- chat
    "chat.nothing_said": (
        "我在呢。想聊什么就说一句，也可以用 /poem 作诗、用 /continue 续写。",
        "I'm here. Say something, or try /poem and /continue.",
    ),
    "chat.cannot_read": (
        "这条消息的内容 Discord 没有给我看。请 @ 我，或回复我时打开提及，我就能读到了。",
        "Discord does not show me what this message says. Mention me, or leave the ping on when you reply.",
    ),
    "mask.person": ("@某人", "@someone"),
    "mask.channel": ("#某频道", "#channel"),
    # --- commands
    "command.outdated": (
        "这个命令刚刚更新过，请稍等片刻，或重启 Discord 后再试。",
        "This command has just changed; wait a moment or restart Discord and try again.",
    ),
    "command.not_allowed": ("在这里不能用这个命令。", "This command cannot be used here."),
    "menu.summarize": ("从这里开始总结", "Summarise from here"),
    # --- summary
    "summary.needs_intent": (
        "要总结频道，墨友需要 Message Content 权限，而这里没有开启。"
        "管理者可以在开发者门户打开它，并把 MOYOU_MESSAGE_CONTENT 设为 on。",
        "To summarise a channel Moyou needs the Message Content intent, which is off here. Its owner can "
        "switch it on in the developer portal and set MOYOU_MESSAGE_CONTENT to on.",
    ),
    "summary.you_may_not_read": (
        "你没有查看这个频道历史消息的权限，所以我不能替你总结。",
        "You may not read this channel's history, so I cannot summarise it for you.",
    ),
    "summary.i_may_not_read": (
        "我没有查看这个频道历史消息的权限，请管理者给我“读取消息历史记录”。",
        "I may not read this channel's history; a moderator can grant me Read Message History.",
    ),
    "summary.no_channel": (
        "没找到你能读的这些频道。在“频道”里用 # 选一个或几个文字频道或讨论串。",
        "There is no such channel that you may read. Under channels, pick one or several with #.",
    ),
    "summary.too_many_channels": (
        "一次最多总结 {count} 个频道，请少选几个。",
        "At most {count} channels can be summarised at once; pick fewer.",
    ),
    "summary.reading": ("正在读消息，已经读了 {count} 条……", "Reading messages, {count} so far…"),
    "summary.kind.decision": ("决定", "decision"),
    "summary.kind.question": ("待定", "open"),
    "summary.kind.action": ("待办", "to do"),
    "summary.read": ("读了 {count} 条消息", "{count} messages read"),
    "summary.read_file": ("读了 {file} 里的 {count} 段", "{count} passages of {file} read"),
    "summary.private": ("只有你能看到", "only you see this"),
    "summary.more": ("太多了，没有全读", "there is more, which was not read"),
    "summary.quiet": ("这段时间没什么特别的事。", "Nothing much happened."),
    "summary.only_for_you": (
        "能看到这里的人不都能读那些频道，所以这份摘要只能给你一个人看；请去掉“仅自己可见：否”。",
        "Not everybody who sees this channel may read those, so their summary can only be private.",
    ),
    "summary.colon": ("：", ": "),
    # --- verse
    "verse.form.wujue": ("五绝", "wujue 五绝"),
    "verse.form.qijue": ("七绝", "qijue 七绝"),
    "verse.form.wulv": ("五律", "wulü 五律"),
    "verse.form.qilv": ("七律", "qilü 七律"),
    "verse.form.cangtou": ("藏头诗", "acrostic 藏头诗"),
    "verse.form.duilian": ("对联", "couplet 对联"),
    "verse.length": ("字数", "length"),
    "verse.tone": ("平仄", "tones"),
    "verse.rhyme": ("押韵", "rhyme"),
    "verse.parallel": ("字面相对", "facing characters"),
    "verse.rhyme_of": ("韵：{group}", "rhyme: {group}"),
    "verse.problem_at": ("第 {line} 句第 {position} 字：{rule}", "line {line}, character {position}: {rule}"),
    "verse.problem_line": ("第 {line} 句：{rule}", "line {line}: {rule}"),
    "verse.rule.lines": ("句数不对", "a line missing or too many"),
    "verse.rule.length": ("字数不对", "wrong length"),
    "verse.rule.character": ("这个字的读音不明", "no reading of this character is known"),
    "verse.rule.tone": ("平仄不合", "the tone does not fit"),
    "verse.rule.rhyme": ("不押韵", "does not rhyme"),
    "verse.rule.lone-level": ("孤平", "a lone level tone"),
    "verse.rule.three-level-tail": ("三平尾", "three level tones at the end"),
    "verse.rule.repeat": ("韵字重复", "a rhyme is used twice"),
    "verse.rule.same": ("与上联用字重复", "the first line has this character too"),
    "verse.rule.mirror": ("叠字没有对上", "a repetition is not answered by one"),
    "verse.comma": ("、", "; "),
    "verse.relaxed": ("写作时放宽了：{rules}", "given up while writing: {rules}"),
    "verse.relaxed.repeat": ("字不重复", "no repeated character"),
    "verse.relaxed.corpus": ("不与前人诗句相同", "no line from an older poem"),
    "verse.relaxed.tail": ("孤平与三平尾", "no lone level tone, no three at the end"),
    "verse.relaxed.tone": ("平仄", "tones"),
    "verse.relaxed.rhyme": ("押韵", "rhyme"),
    "verse.relaxed.character": ("读音已知", "known readings"),
    # --- English verse
    "english.form.haiku": ("英文俳句", "haiku"),
    "english.form.couplet": ("英文双行", "couplet"),
    "english.form.quatrain": ("英文四行", "quatrain"),
    "english.syllables": ("音节", "syllables"),
    "english.rhyme": ("押韵", "rhyme"),
    "english.problem_at": ("第 {line} 行第 {position} 个词：{rule}", "line {line}, word {position}: {rule}"),
    "english.problem_line": ("第 {line} 行：{rule}", "line {line}: {rule}"),
    "english.rule.lines": ("行数不对", "a line missing or too many"),
    "english.rule.length": ("音节数不对", "wrong number of syllables"),
    "english.rule.rhyme": ("不押韵", "does not rhyme"),
    "english.rule.repeat": ("韵脚用了同一个词", "a word rhymes with itself"),
    "english.rule.unsure": (
        "词典里没有这个词，音节数是估计的",
        "not in the dictionary, its syllables are an estimate",
    ),
    "english.relaxed.metre": ("抑扬格", "iambic metre"),
    "english.relaxed.pair": ("前人用过的搭配", "words that were seen side by side"),
    "english.relaxed.repeat": ("词不重复", "no repeated word"),
    "english.relaxed.corpus": ("不与前人诗句相同", "no line from an older poem"),
    "english.relaxed.article": ("冠词的用法", "the use of articles"),
    "english.relaxed.ending": ("行尾与行首的用词", "words that may end or begin a line"),
    "english.relaxed.rhyme": ("押韵", "rhyme"),
    # --- buttons and feedback
    "button.again": ("再来", "again"),
    "button.vary": ("变一变", "vary"),
    "button.why": ("缘由", "why"),
    "button.undo": ("收回", "take back"),
    "feedback.up": ("记下了，谢谢你的 👍。", "Noted, thank you for the 👍."),
    "feedback.down": ("记下了，谢谢你的 👎，我会改进。", "Noted, thank you for the 👎; it helps me improve."),
    "feedback.undone": ("已经收回。", "Taken back."),
    "feedback.gone": (
        "这条回复的记录已经删除，评价不了了。",
        "The record of this reply was erased, so it cannot be judged any more.",
    ),
    "feedback.opted_out": (
        "你选择了什么都不保留，所以这次评价没有记下。要改，请用 /privacy。",
        "You asked for nothing to be kept, so this was not noted. To change that, use /privacy.",
    ),
    "again.words_gone": (
        "当初说的话已经擦去，不能照着再写；请重新说一遍。",
        "The words of that request have been erased, so nothing can be written from them; please ask again.",
    ),
    # --- why
    "why.gone": ("这条回复的记录已经删除。", "The record of this reply was erased."),
    "why.origin.generated": ("这是模型自己写的。", "The model wrote this by itself."),
    "why.origin.edited": (
        "这是模型改写我们备好的句子而成的。",
        "The model wrote this by editing one of our own sentences.",
    ),
    "why.origin.book": (
        "这是从我们备好的句子里选的，没有改动。",
        "This is one of our own sentences, unchanged.",
    ),
    "why.origin.extract": ("这是从原文里摘出来的。", "This was taken from the messages themselves."),
    "why.origin.fixed": ("这是人写好的固定回答。", "This is a fixed answer, written by people."),
    "why.blocked": ("（有这个服务器不许用的词）", "(has a word that this server does not allow)"),
    "why.from.generated": ("生成", "generated"),
    "why.from.edited": ("改写", "edited"),
    "why.from.book": ("备好的句子", "from the book"),
    "why.from.extract": ("摘录", "extract"),
    "why.from.fixed": ("固定", "fixed"),
    "why.model": (
        "模型 {model} · 种子 {seed} · {milliseconds} 毫秒",
        "model {model} · seed {seed} · {milliseconds} ms",
    ),
    "why.reward": (
        "由大家评价训练的模型 {model} 排序",
        "ranked by model {model}, trained on people's judgements",
    ),
    "why.no_reward": ("还没有用大家的评价来排序", "not ranked by people's judgements yet"),
    "why.novelty": ("新意 {novelty}", "novelty {novelty}"),
    "why.drafts": ("草稿 {count} 份，按得分（✓ 是选中的）：", "drafts: {count}, by score (✓ was chosen):"),
    # --- moderators
    "status.description": ("看看墨友的状态和大家的评价", "Moyou's state and what people thought"),
    "status.counts": (
        "回复 {generations} 条 · 评价 {signals} 个（👍 {likes} 👎 {dislikes}）· {people} 人",
        "replies {generations} · judgements {signals} (👍 {likes} 👎 {dislikes}) · people {people}",
    ),
    "status.task": (
        "{task}：{generations} 条，👍 {likes} 👎 {dislikes}",
        "{task}: {generations}, 👍 {likes} 👎 {dislikes}",
    ),
    "status.model": ("模型 {model}：{state}", "model {model}: {state}"),
    "status.loaded": ("已载入", "loaded"),
    "status.not_loaded": ("用到时载入", "loaded when needed"),
    "status.reward": (
        "按大家的评价排序：模型 {model}",
        "ranked by model {model}, trained on people's judgements",
    ),
    "status.no_reward": ("还没有按大家的评价来排序", "not ranked by people's judgements yet"),
    "status.reports": (
        "**举报**（最近 {count} 条；设了接收举报的频道，就会直接送到那里：`/settings`）",
        "**Reports** (the last {count}; a channel for them is chosen with `/settings`)",
    ),
    "status.reports_hidden": (
        "另有 {count} 条回复被举报，在你读不到、已归档或已经没有的频道里；有“管理员”权限的人看得到。",
        "{count} more were reported in channels that are not open to you, archived or gone; who has "
        "Administrator sees them.",
    ),
    "status.waiting": ("排队等候 {waiting} 个，最多 {queue} 个", "waiting: {waiting} of at most {queue}"),
    # --- privacy
    "privacy.description": (
        "墨友保留了什么，怎样让它忘记你",
        "What Moyou keeps, and how to make it forget you",
    ),
    "privacy.words_kept": (
        "你对我说的话保留 {hours} 小时，好让“再来”“变一变”和“缘由”能用，然后删除",
        "What you say to me is kept for {hours} hours, so that again, vary and why work, and then erased",
    ),
    "privacy.words_not_kept": ("你对我说的话不保留", "What you say to me is not kept"),
    "privacy.policy": (
        "**墨友与隐私**\n"
        "- 只有提到我、回复我、私信我、对我用命令，或在我开的子区、管理者指定的频道里说话时，我才读消息。\n"
        "- {kept}。\n"
        "- 我写的回复和大家的 👍 👎 会保留，用来改进；你的编号只以散列形式保存。"
        "👎 之后写的话和举报时写的话，跟着评价保留给管理者看，直到你让我忘记你。\n"
        "- 你的话从不用来训练模型，也不离开运行墨友的这台机器。\n"
        "- 总结不保留。选了“什么都别保留”的人，他的话也不进总结。\n"
        "{state}",
        "**Moyou and privacy**\n"
        "- I read a message only when it mentions me, replies to me, is sent to me, has a command, or "
        "stands in a thread I opened or a channel that moderators gave me.\n"
        "- {kept}.\n"
        "- My replies and people's 👍 👎 are kept in order to improve; your id is stored only as a hash. "
        "What you write after a 👎 or in a report stays with it for moderators, until you have me forget "
        "you.\n"
        "- Your words never train a model and never leave the machine that runs Moyou.\n"
        "- Summaries are not kept, and what you say is left out of them while nothing of yours is kept.\n"
        "{state}",
    ),
    "privacy.mine": (
        "现在留着你的：回复 {replies} 条（连草稿 {drafts} 份）、原话 {requests} 条、评价 {judgements} 次、"
        "别的 {others} 项。",
        "Kept of you now: {replies} replies ({drafts} drafts in all), {requests} of your requests, "
        "{judgements} judgements, {others} other entries.",
    ),
    "privacy.mine_nothing": ("现在没有留着你的任何东西。", "Nothing of you is kept now."),
    "privacy.limits": (
        "回复和评价{days}。忘记你以后，下一个调优的模型里也不再有你的评价；备份最多留 {backups} 天。",
        "Replies and judgements are kept {days}. Once you are forgotten, the next tuned model is made "
        "without your judgements; backups are kept for {backups} days at most.",
    ),
    "privacy.days": ("保留 {days} 天就删除", "for {days} days and then erased"),
    "privacy.for_good": ("一直保留", "for good"),
    "privacy.exported": (
        "这是留着的、关于你的一切，只有你看得到；服务器里别人在你之前说的话不在里面。",
        "This is everything that is kept of you; only you see it. What others said before you in a server is "
        "left out.",
    ),
    "privacy.export_too_large": (
        "太多了，Discord 发不了；请找墨友的主人要。",
        "It is too much for Discord; ask Moyou's owner for it.",
    ),
    "privacy.button.export": ("下载我的", "Export mine"),
    "privacy.keeps": ("现在：按上面说的保留。", "Now: kept as said above."),
    "privacy.keeps_nothing": ("现在：什么都不保留。", "Now: nothing of yours is kept."),
    "privacy.elsewhere": (
        "墨友有一部分服务器在另外的机器上，那里记下的这一页管不到：请在那边的服务器里也用一次 /privacy。",
        "Some servers are looked after on other machines, whose records this page does not reach: use "
        "/privacy in a server there as well.",
    ),
    "privacy.button.stop": ("什么都别保留", "Keep nothing"),
    "privacy.button.keep": ("可以保留", "You may keep it"),
    "privacy.button.forget": ("忘记我", "Forget me"),
    "privacy.button.confirm": ("确定，全部删除", "Yes, erase everything"),
    "privacy.sure": (
        "这会删除写给你的所有回复和你的所有评价，不能恢复。确定吗？",
        "This erases every reply written for you and every judgement of yours, for good. Are you sure?",
    ),
    "privacy.forgotten": (
        "已经忘记：{generations} 条回复，{facts} 个评价。",
        "Forgotten: {generations} replies, {facts} judgements.",
    ),
    "privacy.backups": (
        "备份里可能还有你，最后一份在 {until} 删除。",
        "Backups may still hold you; the last of them is erased on {until}.",
    ),
}
