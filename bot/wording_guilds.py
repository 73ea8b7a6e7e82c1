"""What Moyou says to the people who run a server, in zh-CN and en: /settings, the welcome, the end.

Knows: the words of decisions, of the forms they are made with, and of the first message in a server.
Does not know: when they are said.
"""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    # --- /settings
    "guild.description": (
        "墨友在这个服务器里怎样做：在哪里说话、语言、限额、禁用词、安静时间",
        "How Moyou behaves on this server: where it speaks, language, limits, blocked words, quiet hours",
    ),
    "guild.title": (
        "**墨友在这个服务器里**（改动立即生效）",
        "**Moyou on this server** (changes hold now)",
    ),
    "guild.channels": ("只在这些频道说话：{value}", "Speaks only in: {value}"),
    "guild.home": (
        "这些频道里不用 @ 它，每句话它都回：{value}",
        "Answers every message in: {value}",
    ),
    "guild.report": ("举报发到：{value}", "Reports go to: {value}"),
    "guild.language": ("语言：{value}", "Language: {value}"),
    "guild.tone": ("语气：{value}", "Tone: {value}"),
    "guild.summaries": ("频道摘要：{value}", "Summaries of channels: {value}"),
    "guild.limit": ("每人每天最多几次：{value}", "Answers a member may get a day: {value}"),
    "guild.words": ("禁用词：{value}", "Blocked words: {value}"),
    "guild.quiet": ("安静时间（不说话）：{value}", "Quiet hours (it says nothing): {value}"),
    "guild.emoji": ("表情反应的分值：{value}", "What reactions are worth: {value}"),
    "guild.everywhere": ("所有频道", "every channel"),
    "guild.nowhere": ("没有", "none"),
    "guild.gone": ("（已删除的频道）", "(a channel that is gone)"),
    "guild.no_limit": ("不限", "as many as they like"),
    "guild.count": ("{count} 个", "{count}"),
    "guild.hours": ("{since} 到 {until}（UTC{offset}）", "{since} to {until} (UTC{offset})"),
    "guild.on": ("开", "on"),
    "guild.off": ("关", "off"),
    "guild.needs_intent": (
        "还要由墨友的主人打开 Message Content 权限",
        "Moyou's owner still has to switch on the Message Content intent",
    ),
    "guild.language.auto": ("随每个人说的", "as each person speaks"),
    "guild.language.zh-CN": ("简体中文", "Chinese, simplified"),
    "guild.language.zh-TW": ("繁体中文", "Chinese, traditional"),
    "guild.language.en": ("英文", "English"),
    "guild.tone.auto": ("平常", "as usual"),
    "guild.tone.steady": ("沉稳", "steady"),
    "guild.tone.lively": ("活泼", "lively"),
    # --- the forms
    "guild.pick.channels": ("只在哪些频道说话（不选就是所有频道）", "Where it may speak (none: everywhere)"),
    "guild.pick.home": ("在哪些频道每句话都回", "Where it answers every message"),
    "guild.pick.report": ("举报发到哪个频道", "Where reports go"),
    "guild.button.summaries_on": ("打开摘要", "Summaries on"),
    "guild.button.summaries_off": ("关闭摘要", "Summaries off"),
    "guild.button.voice": ("语言和语气", "Language, tone"),
    "guild.button.limit": ("每人限额", "Daily limit"),
    "guild.button.words": ("禁用词", "Blocked words"),
    "guild.button.quiet": ("安静时间", "Quiet hours"),
    "guild.button.emoji": ("表情分值", "Worth of reactions"),
    "guild.ask.language": ("墨友自己的话用什么语言", "The language of its own sentences"),
    "guild.ask.language_more": (
        "它总是用对方的语言回答；选简体或繁体，中文回答就用那种字。",
        "It always answers in the language it is spoken to; of Chinese this also sets the script.",
    ),
    "guild.ask.tone": ("它写东西的语气", "The tone it writes in"),
    "guild.ask.limit": ("每人每天最多几次（0 是不限）", "Answers a member may get a day (0: any)"),
    "guild.ask.words": ("禁用词，一行一个", "Blocked words, one a line"),
    "guild.ask.words_more": (
        "有这些词的话它不接，它自己也不说。大小写、全半角、繁简都算。",
        "It takes no text that has one and says none. Case, width and script make no difference.",
    ),
    "guild.ask.emoji": (
        "表情和分值，一行一个（清空就回到 👍 👎）",
        "Emoji and value, one a line (none: 👍 👎)",
    ),
    "guild.ask.emoji_more": (
        "分值从 -1 到 1，0 不算。服务器自己的表情写 <:名字:编号>。从现在起的反应才按新的算。",
        "From -1 to 1; 0 counts nothing. Your own emoji: <:name:id>. Holds for reactions from now on.",
    ),
    "guild.ask.quiet_from": ("从几点起", "From"),
    "guild.ask.quiet_until": ("到几点止", "Until"),
    "guild.ask.zone": ("这里的时区（不随夏令时变）", "Time zone (it knows no summer time)"),
    "guild.never": ("没有安静时间", "no quiet hours"),
    "guild.not_a_number": (
        "每人限额要填 0 到 {most} 的整数，没有改动。",
        "The daily limit is a whole number from 0 to {most}; nothing was changed.",
    ),
    # --- digests, and whom summaries leave out
    "guild.button.digest": ("定时摘要", "Digest"),
    "guild.button.left_out": ("摘要不读谁", "Left out of summaries"),
    "guild.unchanged": ("{reason}没有改动。", "{reason} Nothing was changed."),
    "guild.digest": ("定时摘要：{value}", "Digest: {value}"),
    "guild.digest_value": (
        "{day} {at}（UTC{offset}），读 {channels}，发到 {to}",
        "{day} at {at} (UTC{offset}), of {channels}, in {to}",
    ),
    "guild.digest_waits": (
        "那时是安静时间，等它过了再发",
        "that is within the quiet hours; it comes after them",
    ),
    "guild.digest.never": ("不要", "none"),
    "guild.digest.daily": ("每天", "every day"),
    "guild.digest.0": ("每周一", "on Mondays"),
    "guild.digest.1": ("每周二", "on Tuesdays"),
    "guild.digest.2": ("每周三", "on Wednesdays"),
    "guild.digest.3": ("每周四", "on Thursdays"),
    "guild.digest.4": ("每周五", "on Fridays"),
    "guild.digest.5": ("每周六", "on Saturdays"),
    "guild.digest.6": ("每周日", "on Sundays"),
    "guild.ask.digest": ("哪天发", "When"),
    "guild.ask.digest_more": (
        "到时把这些频道聊过的事发一份摘要，每期一次。除了发出的时间，什么都不留。",
        "A summary of what was said since the last one. Nothing is kept but when it was sent.",
    ),
    "guild.ask.digest_read": ("读哪些频道", "Which channels it tells of"),
    "guild.ask.digest_to": ("发到哪个频道", "Where it is written"),
    "guild.ask.digest_at": ("几点", "At which hour"),
    "guild.ask.left_out": ("从现在起摘要不读这些人的话", "Leave these members out of summaries"),
    "guild.ask.left_out_more": ("现在不读的有 {count} 人", "Left out now: {count}"),
    "guild.ask.back": ("重新读这些人的话", "Read these members again"),
    "guild.left_out_noted": ("记下了，从下一份摘要起。", "Noted; it holds from the next summary on."),
    "digest.head": ("**{channels} 摘要** · {span}", "**Digest of {channels}** · {span}"),
    "digest.not_now": (
        "定时摘要这次没法写：{reason}管理者可以用 /settings 更改。",
        "The digest cannot be written this time. {reason} A moderator can change it with /settings.",
    ),
    "digest.incomplete": (
        "要选好读哪些频道、发到哪个频道。",
        "Pick the channels it tells of and the one it is written in.",
    ),
    "digest.you_may_not_read": (
        "这些频道里有你读不到历史消息的。",
        "You may not read the history of all these channels yourself.",
    ),
    "digest.may_not_write": ("我不能在 {channels} 发言。", "I may not write in {channels}."),
    "digest.may_not_read": (
        "我读不到 {channels} 的历史消息，请给我“读取消息历史记录”。",
        "I may not read the history of {channels}; grant me Read Message History there.",
    ),
    "digest.not_for_all": (
        "能看到摘要的人不都能读 {channels}，请换一个频道来发。",
        "Not everybody who would see the digest may read {channels}; have it written somewhere else.",
    ),
    # --- what channels like
    "guild.button.taste": ("频道口味", "Tastes"),
    "taste.title": ("**各频道的口味**", "**What the channels like**"),
    "taste.none": ("还没有哪个频道的口味学得出来。", "No channel's taste is known yet."),
    "taste.channel": (
        "{channel}：从 {people} 人的 {judgements} 个评价学来，偏了最多能偏的 {share}%",
        "{channel}: learnt from {judgements} judgements of {people} people, {share}% of the way it may go",
    ),
    "taste.more": ("还有 {count} 个频道", "{count} more channels"),
    "taste.how": (
        "大家一致喜欢的，会让墨友在那个频道往那边偏一点；一个人偏不动。要它从头学，就在下面选频道。",
        "What people agree on moves what Moyou writes in that channel a little; one person moves nothing. "
        "To have it begin anew, pick the channels below.",
    ),
    "taste.pick": ("清空哪些频道的口味", "Whose taste to forget"),
    "taste.reset": (
        "已清空：{channels}。到现在为止的评价不再算进口味。",
        "Forgotten for {channels}. Judgements up to now count no more towards a taste.",
    ),
    # --- the first message in a server
    "guild.welcome": (
        "大家好，我是墨友，住在这里的写作伙伴。\n"
        "- **怎么找我**：@ 我、回复我，或用斜杠命令：{commands}。用 /help 看全部。\n"
        "- **我保留什么**：对我说的话{kept}；我写的回复和大家的 👍 👎 会留下来，用来改进；"
        "人、服务器和频道只以散列保存。大家的话从不用来训练模型，也不离开运行我的那台机器。"
        "把我请走，{days}之后这个服务器的一切都会删除。\n"
        "- **你做主**：/privacy 让我什么都不保留，或忘记你；管理者用 /settings 决定我在哪里说话、"
        "什么时候安静、哪些词不能用。",
        "Hello, I am Moyou, a writing partner.\n"
        "- **How to reach me**: mention me, reply to me, or use a command: {commands}. /help shows all.\n"
        "- **What I keep**: what you say to me {kept}; my replies and your 👍 👎 stay, so that I improve; "
        "people, servers and channels are kept as hashes only. Your words never train a model and never "
        "leave the machine I run on. Once I am removed, everything of this server is erased after {days}.\n"
        "- **You decide**: /privacy makes me keep nothing, or forget you; with /settings moderators say "
        "where I speak, when I am quiet and which words are out.",
    ),
    "guild.welcome.kept": ("保留 {hours} 小时就删除", "is erased after {hours} hours"),
    "guild.welcome.not_kept": ("不保留", "is not kept"),
    "guild.welcome.days": ("{days} 天", "{days} days"),
}
