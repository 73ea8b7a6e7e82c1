"""Discord's words for menus, windows, threads, attachments and questions, in zh-CN and en.

Knows: what is said around commands and conversation beside what `bot.wording_discord` has. Does not know:
when it is said, or the names of tasks (those are in `prompts/`).
"""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    # --- chat
    "chat.cut": (
        "前面的对话太长，只读了最近的 {count} 段",
        "the conversation before this is long; only the last {count} turns were read",
    ),
    "chat.in_file": ("太长了，全文在附件里", "too long for messages; the whole text is attached"),
    "text.end_read": (
        "文字太长，只读了最后 {count} 个字符",
        "the text is long; only its last {count} characters were read",
    ),
    # --- threads
    "thread.name": ("和墨友聊聊", "A talk with Moyou"),
    "thread.opened": (
        "我们在这里接着聊，直接说就好，不用提到我。",
        "Let's go on in here; just write, there is no need to mention me.",
    ),
    "thread.opened_mention": (
        "我们在这里接着聊。Discord 只把提到我或回复我的消息给我看，所以请 @ 我，或回复我。",
        "Let's go on in here. Discord shows me only messages that mention me or reply to me, "
        "so please do either.",
    ),
    # --- options of every command
    "option.private": ("仅自己可见", "private"),
    "option.private.description": ("回答只给你一个人看", "Only you see the answer"),
    "option.file": ("文件", "file"),
    "option.file.description": (
        "文本文件（.txt 或 .md，1 MB 以内），代替打字",
        "A text file (.txt or .md, up to 1 MB) in place of typing",
    ),
    "option.summary.private.description": (
        "默认只给你看；选 False 就发在频道里",
        "Only you see it unless you choose False",
    ),
    "option.summary.file.description": (
        "改为总结这个文件：聊天记录或文章（.txt .md .json .csv，10 MB 以内）",
        "Summarise this file instead: a chat log or an article (.txt .md .json .csv, up to 10 MB)",
    ),
    # --- menus
    "menu.why": ("为什么这么回？", "Why this reply?"),
    "menu.report": ("举报给管理者", "Report to moderators"),
    "why.not_mine": (
        "这不是我写的回复，或者它的记录已经删除，说不出缘由。",
        "This is no reply of mine, or its record was erased, so there is nothing to explain.",
    ),
    # --- edited prompts
    "button.edited": ("按改过的再写", "again, as edited"),
    "again.prompt_gone": (
        "那条消息已经不在了，请重新说一遍。",
        "That message is gone; please ask again.",
    ),
    # --- the question after a 👎
    "button.reason": ("说说为什么", "tell me why"),
    "reason.title": ("哪里不好？", "What is wrong with it?"),
    "reason.reasons": ("原因（可多选，也可不选）", "Reasons (any number, or none)"),
    "reason.words": ("换作你会怎么写？", "How would you write it?"),
    "reason.hint": (
        "可不填。管理者看得到；从不用来训练模型。",
        "Optional. Moderators can read it; it never trains a model.",
    ),
    "feedback.reason_noted": ("记下了，谢谢你告诉我。", "Noted, thank you for telling me."),
    "feedback.changed": (
        "你已经收回或改了评价，这次就不记了。",
        "You have taken back or changed your judgement, so nothing was noted.",
    ),
    # --- reports
    "report.title": ("举报这条回复", "Report this reply"),
    "report.reasons": ("原因（可多选）", "Reasons (any number)"),
    "report.words": ("想对管理者说的话", "A word to the moderators"),
    "report.hint": ("可不填。不会告诉别人是你举报的。", "Optional. Nobody is told that it was you."),
    "report.reason_harmful": ("有害或危险", "harmful or dangerous"),
    "report.reason_insulting": ("辱骂或歧视", "insulting or discriminating"),
    "report.reason_private": ("泄露隐私", "gives away something private"),
    "report.reason_spam": ("刷屏", "spam"),
    "report.reason_other": ("其他", "something else"),
    "report.not_mine": (
        "只能举报墨友写的、还有记录的回复。别人的消息，请用 Discord 自带的“举报消息”。",
        "Only replies that Moyou wrote and still has on record can be reported here. For other people's "
        "messages use Discord's own Report Message.",
    ),
    "report.shown": ("已转给这里的管理者，谢谢你。", "The moderators here have been told; thank you."),
    "report.noted": (
        "记下了，谢谢你。这里没有设接收举报的频道；管理者用 /moyou-status 看得到，"
        "墨友的主人在控制台的“举报”页看得到。",
        "Noted, thank you. No channel for reports is set here; moderators see it with /moyou-status, and "
        "Moyou's owner on the console's page of reports.",
    ),
    "report.not_kept": (
        "你选择了什么都不保留，这里也没有设接收举报的频道，所以没有记下；请直接告诉管理者。",
        "You asked for nothing to be kept and no channel for reports is set here, so this was not noted; "
        "please tell a moderator yourself.",
    ),
    "report.to_moderators": (
        "有人举报了墨友的一条回复：{link}",
        "Somebody reported a reply of Moyou's: {link}",
    ),
    # --- help
    "help.name": ("帮助", "help"),
    "privacy.name": ("隐私", "privacy"),
    "style.name": ("风格", "style"),
    "style.description": (
        "墨友给你写东西的语气和长短",
        "The tone and length in which Moyou writes for you",
    ),
    "style.title": ("**我怎样给你写**", "**How I write for you**"),
    "style.chosen": ("你的风格：语气{tone}，长短{length}", "Your style: tone {tone}, length {length}"),
    "style.more": (
        "在哪里都一样，先于服务器的选择。诗词的长短由体裁定。只存散列编号和这两项；选回“平常”、"
        "或用 /privacy 让我忘记你，就没有了。",
        "It holds everywhere and goes before a server's choice; a verse's length is its form's. Kept with a "
        "hash of your id, until you choose “as usual” again or have me forget you with /privacy.",
    ),
    "style.noted": ("记下了，从下一条起。", "Noted; it holds from the next text on."),
    "style.not_kept": (
        "你选择了什么都不保留，所以这个也没有记下；用 /privacy 可以改。",
        "You asked for nothing to be kept, so this was not noted; /privacy changes that.",
    ),
    "style.pick.tone": ("语气", "Tone"),
    "style.pick.length": ("长短", "Length"),
    "style.tone.auto": ("平常", "as usual"),
    "style.tone.auto.more": ("按任务和服务器的设置", "as the task and the server have it"),
    "style.tone.steady": ("沉稳", "steady"),
    "style.tone.steady.more": ("稳妥些，少些意外", "keeps to what is likely"),
    "style.tone.lively": ("活泼", "lively"),
    "style.tone.lively.more": ("大胆些，多些意外", "dares more"),
    "style.length.auto": ("平常", "as usual"),
    "style.length.auto.more": ("按任务", "as the task has it"),
    "style.length.short": ("短些", "shorter"),
    "style.length.short.more": ("早点收尾，挑短的", "ends sooner, prefers what is short"),
    "style.length.long": ("长些", "longer"),
    "style.length.long.more": ("多说几句，挑长的", "goes on, prefers what is long"),
    "help.description": ("墨友会什么，怎样叫它", "What Moyou does and how to ask it"),
    "help.talk": (
        "**墨友**：提到我、回复我、私信我，就能聊。命令有：",
        "**Moyou**: mention me, reply to me or write to me directly to talk. Commands:",
    ),
    "help.menus": (
        "在消息上点“应用”：{menus}。",
        "In a message's Apps menu: {menus}.",
    ),
    "help.more": (
        "每个命令都可以选“仅自己可见”；长的文字可以留空、在弹出的窗口里写，或附上文本文件。"
        "回复下面的 👍 👎 会让我越来越合这里的口味，🔁 再写一次，🎲 变一变，❓ 说明缘由。",
        "Every command can be private; leave a long text out to write it in a window, or attach a text file. "
        "👍 👎 under a reply teach me what is liked here, 🔁 writes it again, 🎲 varies it, ❓ says why.",
    ),
}
