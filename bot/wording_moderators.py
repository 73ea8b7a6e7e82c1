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
    "liked.by_week": ("每周（从周一起，UTC）", "Week (from Monday, UTC)"),
    "liked.by_origin": ("怎么写出来的", "How it was made"),
    "liked.by_reward": ("由哪个打分模型挑选", "Chosen by which reward model"),
    "liked.by_draft": ("送出的草稿", "The draft that was sent"),
    "liked.draft_best": ("得分最高的", "the best by score"),
    "liked.draft_other": ("别的", "another one"),
    "liked.no_reward": ("还没有", "none"),
    "liked.here_no_more": ("（已删除的频道）", "(a channel that is gone)"),
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
        "调优过的模型：列出、比较、采用、退回",
        "Tuned models: list, compare, promote, roll back",
    ),
    "model.list.description": ("列出调优过的模型", "The tuned models"),
    "model.compare.description": ("两个版本并排看", "Two versions side by side"),
    "model.promote.description": ("采用一个版本，立即生效", "Put a version in force, at once"),
    "model.rollback.description": ("退回上一个版本，立即生效", "Go back to the version before, at once"),
    "model.version": ("版本", "Version"),
    "model.first": ("第一个", "The first"),
    "model.second": ("第二个", "The second"),
    "model.model": ("模型", "Model"),
    "model.none": (
        "还没有调优过的模型；攒够评价以后，主人可以运行 python -m engine tune。",
        "There is no tuned model yet; once there are judgements enough, the owner can run "
        "python -m engine tune.",
    ),
    "model.in_force": ("在用", "in force"),
    "model.shipped": ("自带的", "the shipped one"),
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
    "model.history": ("换过的记录", "What was changed"),
    "model.promote": ("采用", "Promote"),
    "model.rollback": ("退回上一个", "Roll back"),
    "model.switch.promote": ("采用", "promoted"),
    "model.switch.rollback": ("退回", "rolled back"),
    # --- exports
    "export.done": (
        "{rows} 行。里面没有人、没有时间地点、没有任何人说的话，"
        "只有墨友自己写的（抄来的用 □ 代替）；说明在另一个文件里。",
        "{rows} lines: no people, times or places and nobody's words, only what Moyou wrote (what it copied "
        "stands as □); the card tells more.",
    ),
    "export.too_large": (
        "文件太大，Discord 发不了；请主人运行 python -m engine export。",
        "The file is too large for Discord; the owner can run python -m engine export.",
    ),
}
