"""What moderators and the owner read: the report, the review queue, models, exports, the console's pages.

Knows: these words in zh-CN and en. Does not know: when they are said.
"""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    # --- /feedback
    "feedback.description": ("大家的评价：报告、复核、导出", "What people thought: report, review, export"),
    "feedback.report.description": (
        "大家喜欢什么、不喜欢什么，画成一张图",
        "What people liked and disliked, as a picture",
    ),
    "feedback.review.description": (
        "复核最说明问题的回复，一条一条来",
        "Review the replies that teach most, one by one",
    ),
    "feedback.export.description": (
        "导出去掉身份的评价，给别的工具用",
        "De-identified judgements as a file for other tools",
    ),
    "feedback.export.format": ("格式", "Format"),
    # --- the report
    "liked.title": ("大家喜欢什么", "What people liked"),
    "liked.nothing": ("还没有人评价。", "Nobody has judged anything yet."),
    "liked.whole": (
        "{judged} 个评价，{people} 人：👍 {likes} 👎 {dislikes}",
        "{judged} judgements from {people} people: 👍 {likes} 👎 {dislikes}",
    ),
    "liked.by_all": ("全部", "All"),
    "liked.by_task": ("任务", "Task"),
    "liked.by_model": ("模型", "Model"),
    "liked.by_channel": ("频道", "Channel"),
    "liked.channel": ("频道 {label}", "channel {label}"),
    "liked.by_week": ("每周（从周一起，UTC）", "Week (from Monday, UTC)"),
    "liked.by_origin": ("怎么写出来的", "How it was made"),
    "liked.by_reward": ("由哪个打分模型挑选", "Chosen by which reward model"),
    "liked.by_draft": ("送出的草稿", "The draft that was sent"),
    "liked.draft_best": ("得分最高的", "the best by score"),
    "liked.draft_other": ("别的", "another one"),
    "liked.no_reward": ("还没有", "none"),
    "liked.here_no_more": (
        "（已删除或你读不到的频道）",
        "(a channel that is gone or not open to you)",
    ),
    "liked.row": (
        "{name}：{percent}% 👍（{low}–{high}%）· {judged} 个 · {people} 人",
        "{name}: {percent} % 👍 ({low} to {high} %) · {judged} from {people}",
    ),
    "liked.row_few": (
        "{name}：{judged} 个 · {people} 人，太少，说不准",
        "{name}: {judged} from {people}, too few to say",
    ),
    "liked.note": ("{judged} 个 · {people} 人", "{judged} from {people}"),
    "liked.note_few": ("{judged} 个 · {people} 人，太少", "{judged} from {people}, too few"),
    "liked.how": (
        "横线是 95% 区间，按人算：一个人评得再多，也只说明他自己。",
        "Lines are 95 % intervals that count people: who judges often still speaks for one.",
    ),
    "liked.gains": ("每次采用新模型的收获（成对准确率）", "What each promotion gained (pairwise accuracy)"),
    "liked.gain": (
        "{at} {model}：{value}（{low} 到 {high}）",
        "{at} {model}: {value} ({low} to {high})",
    ),
    "liked.gain_unknown": ("{at} {model}：报告里没有写收获", "{at} {model}: its report names no gain"),
    "liked.no_picture": ("（没有图：{reason}）", "(No picture: {reason})"),
    # --- the review queue
    "review.empty": ("没有要复核的了。", "Nothing is left to review."),
    "review.why.reported": ("有人举报", "reported"),
    "review.why.disputed": ("意见不一", "disputed"),
    "review.why.uncertain": ("打分模型拿不准", "the reward model is unsure"),
    "review.why.unknown": ("还没有人评价", "nobody has judged it"),
    "review.why.second": ("已有一人复核，等第二人", "one review so far, a second is wanted"),
    "review.counts": ("👍 {likes} 👎 {dislikes}", "👍 {likes} 👎 {dislikes}"),
    "review.liking": ("模型猜有 {percent}% 的人会喜欢", "the model guesses that {percent} % would like it"),
    "review.where": ("原处", "where it stands"),
    "review.good": ("好", "good"),
    "review.bad": ("不好", "bad"),
    "review.unsafe": ("不安全", "unsafe"),
    "review.more": ("写理由或改写", "reasons, rewrite"),
    "review.skip": ("跳过", "skip"),
    "review.back": ("收回上一条", "take the last back"),
    "review.noted": ("记下了：{verdict}。", "Noted: {verdict}."),
    "review.not_noted": (
        "没有记下：这条回复已经不在了，或者你在 /privacy 里要求什么都不保留。",
        "Not noted: the reply is gone, or you asked in /privacy that nothing be kept.",
    ),
    "review.taken_back": ("收回了。", "Taken back."),
    "review.agreement": (
        "复核 {reviews} 次；两人都看过的 {shared} 条，一致 {same} 条；Cohen's κ {kappa}（{low} 到 {high}）",
        "{reviews} reviews; {shared} replies judged by two, {same} alike; "
        "Cohen's κ {kappa} ({low} to {high})",
    ),
    "review.agreement_few": (
        "复核 {reviews} 次；两人都看过的 {shared} 条，一致 {same} 条"
        "（至少要同样两个人看过 {least} 条，才算得出 κ）",
        "{reviews} reviews; {shared} replies judged by two, {same} alike "
        "(κ needs {least} that the same two judged)",
    ),
    "review.ask.title": ("复核", "Review"),
    "review.ask.verdict": ("你的判断", "Your verdict"),
    "review.ask.reasons": ("哪里不好（可不填）", "What is wrong (optional)"),
    "review.ask.words": ("换作你会怎么写？（可不填）", "How would you write it? (optional)"),
    "review.ask.hint": (
        "只给管理者看，从不用来训练。",
        "For moderators only; it never trains a model.",
    ),
    # --- models
    "model.description": (
        "调优过的模型：列出、比较、现场比试、采用、退回",
        "Tuned models: list, compare, try live, promote, roll back",
    ),
    "model.list.description": ("列出调优过的模型", "The tuned models"),
    "model.compare.description": ("两个版本并排看", "Two versions side by side"),
    "model.promote.description": ("采用一个版本，立即生效", "Put a version in force, at once"),
    "model.rollback.description": ("退回上一个版本，立即生效", "Go back to the version before, at once"),
    "model.trial.description": (
        "现场比试一个打分模型；不选版本就看进展",
        "Try a reward model live; without a version, how the test stands",
    ),
    "model.version": ("版本", "Version"),
    "model.first": ("第一个", "The first"),
    "model.second": ("第二个", "The second"),
    "model.model": ("模型", "Model"),
    "model.none": (
        "还没有调优过的模型；攒够评价以后，主人可以运行 python -m engine tune。",
        "There is no tuned model yet; once there are judgements enough, the owner can run "
        "python -m engine tune.",
    ),
    "model.no_such": (
        "没有这个版本或模型；/model list 列出有哪些。",
        "There is no such version or model; /model list names those there are.",
    ),
    "model.in_force": ("在用", "in force"),
    "model.shipped": ("自带的", "as shipped"),
    "model.made": ("制作时间", "Made"),
    "model.parent": ("来自", "Came from"),
    "model.data": ("评价", "Judgements"),
    "model.learnt": ("{judgements} 个评价，{people} 人", "{judgements} judgements from {people} people"),
    "model.range": ("{since} 到 {until}", "{since} to {until}"),
    "model.gain": ("收获", "Gain"),
    "model.gain_value": ("{value}（95% 区间 {low} 到 {high}）", "{value} (95 % interval {low} to {high})"),
    "model.gain_over": ("比 {against} 好 {gain}", "{gain} over {against}"),
    "model.unknown": ("不详", "not known"),
    "model.report": ("报告", "Report"),
    "model.promoted": (
        "现在用的是 {model}。不好就退回。",
        "{model} is in force now. Roll back if it is worse.",
    ),
    "model.rolled_back": ("退回到 {model}。", "Back to {model}."),
    "model.owner_only": (
        "模型归整个墨友用，只有它的主人能换；墨友只在一个服务器里时，那里的管理者也能换。",
        "The model serves all of Moyou, so only its owner changes it, or the managers of its only server.",
    ),
    "model.trial": ("现场比试", "Live test"),
    "model.try": ("现场比试", "Try live"),
    "model.trial_lead": (
        "一半回复由新的打分模型来排，一半照旧；规则事先定好，有了结果就自己采用或放弃。",
        "The new reward model ranks one half of all replies; a rule fixed beforehand promotes or drops it.",
    ),
    "model.trial_begun": (
        "开始现场比试 {model}，对手是 {against}，最多 {most} 条回复；有了结果就自己采用或放弃。",
        "A live test of {model} against {against} begins, over {most} replies at most; its rule promotes or "
        "drops it by itself.",
    ),
    "model.trial_stands": (
        "{model} 对 {against}，从 {since} 起：满一天的回复，新的 {new} 条，照旧的 {old} 条；收获 {gain}；"
        "最多 {most} 条。",
        "{model} against {against} since {since}: of replies a day old, {new} by the new one and {old} as "
        "before; gain {gain}; {most} replies at most.",
    ),
    "model.trial_none": ("现在没有现场比试。", "No live test runs."),
    "model.history": ("换过的记录", "What was changed"),
    "model.promote": ("采用", "Promote"),
    "model.rollback": ("退回上一个", "Roll back"),
    "model.switch.promote": ("采用", "promoted"),
    "model.switch.rollback": ("退回", "rolled back"),
    # --- exports
    "export.done": (
        "{rows} 行，来自你读得到的频道。里面没有人、没有时间地点、没有任何人说的话，"
        "只有墨友自己写的（抄来的用 □ 代替）；说明在另一个文件里。",
        "{rows} lines of channels that you may read: no people, times or places and nobody's words, only "
        "what Moyou wrote (what it copied stands as □); the card tells more.",
    ),
    "export.too_large": (
        "文件太大，Discord 发不了；请主人运行 python -m engine export。",
        "The file is too large for Discord; the owner can run python -m engine export.",
    ),
}

_CONSOLE: dict[str, tuple[str, str]] = {
    # --- the console's pages for whoever looks after Moyou
    "manage.pages": ("管理", "Looking after Moyou"),
    "manage.overview": ("概览", "Overview"),
    "manage.report": ("报告", "Report"),
    "manage.review": ("复核", "Review"),
    "manage.reports": ("举报", "Reports"),
    "manage.models": ("模型", "Models"),
    "manage.prompts": ("任务", "Prompts"),
    "manage.settings": ("设置", "Settings"),
    "manage.privacy": ("隐私", "Privacy"),
    "manage.report_lead": (
        "喜欢在评价里占多少，按人算 95% 区间；人太少就只说太少。",
        "How many judgements are likes, with 95 % intervals that count people; where people are few it "
        "says so.",
    ),
    "manage.whole": (
        "{judged} 个评价，{people} 人：喜欢 {likes}，不喜欢 {dislikes}",
        "{judged} judgements from {people} people: likes {likes}, dislikes {dislikes}",
    ),
    "manage.counts": ("喜欢 {likes} · 不喜欢 {dislikes}", "likes {likes} · dislikes {dislikes}"),
    "manage.shipped": ("自带的模型", "Models as shipped"),
    "manage.report_picture": (
        "报告的图；下面的表里是同样的数字。",
        "The report as a picture; the tables below have the same numbers.",
    ),
    "manage.picture_only_here": ("下载这张图", "Download the picture"),
    "manage.share": ("喜欢", "Liked"),
    "manage.interval": ("95% 区间", "95 % interval"),
    "manage.judged": ("评价", "Judgements"),
    "manage.people": ("人", "People"),
    "manage.too_few": ("太少，说不准", "too few to say"),
    "manage.percent": ("{value}%", "{value} %"),
    "manage.percents": ("{low}–{high}%", "{low} to {high} %"),
    "manage.export": ("导出", "Export"),
    "manage.export_lead": (
        "去掉身份的评价，连同说明一起打包：kto 和 dpo 给 TRL，csv 给表格软件。",
        "De-identified judgements with their card, zipped: kto and dpo for TRL, csv for spreadsheets.",
    ),
    "manage.review_lead": (
        "最说明问题的在前：有人举报的、意见不一的、模型拿不准的。只看得到墨友自己写的，抄来的用 □ 代替。",
        "What teaches most comes first: reported, disputed, or unsure to the model. Only Moyou's own words "
        "are shown; what it copied stands as □.",
    ),
    "manage.review_left": ("还有 {count} 条", "{count} left"),
    "manage.review_keys": (
        "焦点在这张卡片上时：G 好，B 不好，U 不安全，S 跳过。",
        "While the focus is on the card: G good, B bad, U unsafe, S skip.",
    ),
    "manage.review_reply": ("要复核的回复", "The reply to review"),
    "manage.review_reported": ("举报时说的", "What was reported"),
    "manage.models_lead": (
        "调优出来的版本。采用和退回立即生效，不用重启。",
        "Versions that tuning made. A promotion or a way back holds at once, without a restart.",
    ),
    "manage.compare": ("比较", "Compare"),
    "manage.compare_what": ("报告里写的", "The reports say"),
    "manage.nothing_changed": ("还没有换过模型。", "No model was changed yet."),
    "manage.prompts_lead": (
        "每个任务是 prompts/ 里的一个文件。选一个看它怎样写成，再试一试。",
        "Each task is a file in prompts/. Choose one to see how it is made, and try it.",
    ),
    "manage.try": ("试一试", "Try it"),
    "manage.try_lead": (
        "试写的不进日志，也不能评价。",
        "What is tried is not recorded and cannot be judged.",
    ),
    "manage.template": ("模型读到的", "What the model reads"),
    "manage.template_none": ("没有模板", "no template"),
    "manage.model_of": ("模型", "Model"),
    "manage.decoding": ("解码设置", "Decoding"),
    "manage.options": ("选项", "Options"),
    "manage.command_of": ("命令", "Command"),
    "manage.no_command": ("没有命令", "no command"),
    "manage.temperature": ("温度", "Temperature"),
    "manage.drafts_of": ("草稿数", "Drafts"),
    "manage.settings_lead": (
        "写在 .env 或环境变量里，改了之后要重启。口令和令牌不显示。",
        "They stand in .env or the environment; a change needs a restart. Tokens are not shown.",
    ),
    "manage.setting": ("设置", "Setting"),
    "manage.value": ("现在", "Now"),
    "manage.default": ("默认", "Default"),
    "manage.meaning": ("意思", "Means"),
    "manage.is_set": ("（已设）", "(set)"),
    "manage.not_set": ("（没有设）", "(not set)"),
    "manage.deletions": ("删除记录", "What was erased"),
    "manage.deletions_lead": (
        "什么时候、为什么、删了多少；不记是谁。",
        "When, why and how much; not whose.",
    ),
    "manage.deletions_none": ("还没有删除过什么。", "Nothing was erased yet."),
    "manage.why": ("原因", "Why"),
    "manage.when": ("时间", "When"),
    "manage.why_person": ("有人要求忘记", "somebody asked to be forgotten"),
    "manage.why_server": ("离开了服务器", "a server was left"),
    "manage.why_age": ("到了期限", "its time was over"),
    "manage.mine_export": ("下载关于你的一切", "Download everything of yours"),
    "manage.rule": (
        "Discord 开发者政策（2024 年 7 月）第 21 条：没有 Discord 的明确许可，"
        "不得用经 API 取得的消息内容训练模型。"
        "所以成员的话从不用来训练；调优只用墨友自己写的和去掉身份的评价。",
        "Discord's Developer Policy (July 2024), rule 21: message content obtained through the API must not "
        "train a model without Discord's express permission. So members' words never do; tuning sees what "
        "Moyou wrote and de-identified judgements.",
    ),
    # --- settings, each in a line
    "about.DISCORD_TOKEN": ("机器人令牌；没有就只开控制台", "the bot's token; without it the console only"),
    "about.MOYOU_DATA": ("日志库和调优模型的文件夹", "folder of the journal and of tuned models"),
    "about.MOYOU_PROMPTS": ("自己的任务文件夹", "a folder of tasks of your own"),
    "about.MOYOU_MODELS": ("自己训练的模型文件夹", "a folder of models you trained"),
    "about.MOYOU_HOST": ("控制台地址", "the console's address"),
    "about.MOYOU_PORT": ("控制台端口", "the console's port"),
    "about.MOYOU_CONSOLE_TOKEN": ("控制台口令", "the console's token"),
    "about.MOYOU_KEEP_WORDS_HOURS": ("请求原文保留几小时", "hours a request's words are kept"),
    "about.MOYOU_KEEP_LEFT_DAYS": (
        "离开服务器几天后删除它的一切",
        "days after a server was left until everything of it is erased",
    ),
    "about.MOYOU_KEEP_DAYS": ("回复和评价保留几天", "days replies and judgements are kept"),
    "about.MOYOU_KEEP_BACKUPS_DAYS": ("日志库的备份保留几天", "days backups of the journal are kept"),
    "about.MOYOU_WORKERS": ("同时写多少个请求", "requests written side by side"),
    "about.MOYOU_CORES": ("最多用几个核写", "cores that write, at most"),
    "about.MOYOU_QUEUE": ("最多多少个请求在等", "requests that may wait"),
    "about.MOYOU_DEADLINE": ("一个请求最多几秒", "seconds a request may take"),
    "about.MOYOU_MEMBER_PACE": ("一个人每分钟最多几次", "answers a minute for one person"),
    "about.MOYOU_GUILD_PACE": ("一个服务器每分钟最多几次", "answers a minute for one server"),
    "about.MOYOU_BOOK": ("是否用自带的范文", "whether replies may come from the book of examples"),
    "about.MOYOU_FINE_TUNING": (
        "微调过的模型能不能写（第 21 条见隐私一页）",
        "whether fine-tuned models may write (rule 21: see Privacy)",
    ),
    "about.MOYOU_MESSAGE_CONTENT": (
        "是否用 Message Content 特权意图",
        "the privileged Message Content intent",
    ),
    "about.MOYOU_LOCALE": ("默认语言", "default language"),
    "about.MOYOU_SHARDS": ("分片", "shards"),
    "about.MOYOU_DEVELOPMENT_GUILD": (
        "命令立即生效的开发用服务器",
        "a server where commands appear at once",
    ),
}
WORDS |= _CONSOLE
