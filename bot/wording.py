"""Every sentence people see, in zh-CN and en; zh-TW is derived from zh-CN.

Knows: keys, their words in both languages, which locale gets which, and the words for every error
code of the engine. Does not know: Discord, the console, or when a sentence is said.

    say("chat.busy", "zh-TW")                 one sentence, fields filled in
    sentence_of(error, "en")                  the sentence for an exception
    language_of("你好, Moyou")                 "zh-CN": the locale a text is answered in
    in_characters_of("头发", "zh-TW")          "頭髮": words that are not ours, in a locale's characters

Add keys under the heading of your own area, as `"area.key": ("中文", "English")`.
"""

from __future__ import annotations

import functools
import re

from bot import wording_commands, wording_console, wording_discord, wording_guilds, wording_moderators
from engine import simplify, to_traditional, whole_characters

DEFAULT_LOCALE = "zh-CN"
READ = 2000
"""Characters that `language_of` reads."""
_TRADITIONAL = ("zh-TW", "zh-HK", "zh-MO", "zh-Hant")

# One row an error code of engine/errors.py; a class without a row of its own is said by its parent's.
_ERRORS: dict[str, tuple[str, str]] = {
    "error": ("出了点问题，日志里有详情。", "Something went wrong; the log has the details."),
    "bad_input": (
        "这个请求我没法处理，换个写法再试试。",
        "That request cannot be used; try it another way.",
    ),
    "empty_text": (
        "还没有可写的文字，写几个字再试试吧。",
        "There is no text to work on; write a few words and try again.",
    ),
    "text_too_long": (
        "这段文字有 {length} 个字符，请缩短到 {limit} 个以内。",
        "The text has {length} characters; shorten it to {limit} or fewer.",
    ),
    "unknown_task": (
        "没有叫 {task} 的任务，可选：{known}。",
        "There is no task named {task}; choose one of: {known}.",
    ),
    "unknown_form": (
        "没有叫 {form} 的诗体，可选：{known}。",
        "There is no verse form named {form}; choose one of: {known}.",
    ),
    "head_missing": (
        "藏头诗要先给出藏的字：在“藏头”里写 {lines} 个汉字，每句一个。",
        "An acrostic needs its characters: give the option head {lines} Chinese characters, "
        "one for each line.",
    ),
    "head_unfit": (
        "这个体裁有 {lines} 句，藏头给了 {have} 个字；请每句给一个字。",
        "This form has {lines} lines, the head {have} characters; give one character for each line.",
    ),
    "head_unwritable": (
        "没法用“{characters}”起头，请换成不太生僻的汉字。",
        "A line cannot begin with {characters}; use Chinese characters that are not too rare.",
    ),
    "bad_option": (
        "选项 {option} 不接受这个值：{reason}。",
        "The option {option} does not accept this value; {reason}.",
    ),
    "unknown_choice": (
        "“{option}”里没有这一项，可选：{known}。",
        "{option} has no such value; choose one of: {known}.",
    ),
    "no_compiler": (
        "这条是用编译过的代码写的，要重放，先在这台机器上装一个 C 编译器（gcc）。",
        "This reply was written by compiled code; install a C compiler (gcc) here to replay it.",
    ),
    "another_model": (
        "这是 {written} 写的，现在装着的是 {loaded}；换回那个模型才能重放。",
        "This was written by {written}, but {loaded} is loaded; put that model back to replay it.",
    ),
    "another_request": (
        "这不是为这些话写的；请给出当时的原话。",
        "This was not written for these words; give the words it was asked with.",
    ),
    "not_verse": (
        "这几行不合我认得的诗体（{known}）；请看看每句的字数，或者当作散文来写。",
        "These lines have no form of verse that is known here ({known}); "
        "check the length of each line, or take the text for prose.",
    ),
    "two_languages": (
        "两段文字的语言不一样；请给两段中文，或两段英文。",
        "The two texts are in different languages; give two in Chinese or two in English.",
    ),
    "bad_file": ("文件 {file} 用不了：{reason}。", "{file} cannot be used: {reason}."),
    "file_too_large": (
        "附件 {file} 有 {size} 字节，太大了；请给 {limit} 字节以内的文本文件。",
        "The attachment {file} has {size} bytes, which is too large; give a text file of at most {limit}.",
    ),
    "file_not_text": (
        "附件 {file} 读不成文字；请存成 UTF-8、UTF-16 或 GB18030 编码的纯文本（.txt 或 .md）再发。",
        "The attachment {file} cannot be read as text; save it as plain text (.txt or .md) in UTF-8, "
        "UTF-16 or GB18030 and send it again.",
    ),
    "nothing_to_summarize": (
        "这里还没有可以总结的内容，换个有人说话的频道试试。",
        "There is nothing to summarise here yet; try a channel where people have written.",
    ),
    "another_journal": (
        "{file} 和 {into} 用的不是同一把密钥，认不出是不是同一个人；"
        "请让每台机器都从同一个 journal.db 的副本开始，这样才能合并。",
        "{file} hides people under another key than {into}; start each machine with a copy of one "
        "journal.db, then their journals can be merged.",
    ),
    "bad_emoji": (
        "“{line}”不是一个表情和它的分值；请一行写一个表情和一个 -1 到 1 的数。"
        "服务器自己的表情，在频道里发 `\\:名字:` 就能看到要写的 `<:名字:编号>`。",
        "“{line}” is no emoji with its value; write one emoji and a number from -1 to 1 on each line. "
        "Sending `\\:name:` in a channel shows a server's own emoji as `<:name:id>`, to be written here.",
    ),
    "too_many_emoji": (
        "{have} 个表情太多了，最多 {most} 个。",
        "{have} emoji are too many; name at most {most}.",
    ),
    "not_here": (
        "这里的管理者没有开放这个，请问问他们。",
        "The moderators of this server do not want this here; ask them.",
    ),
    "wrong_channel": (
        "墨友不能在这个频道说话；换个频道试试，管理者也可以用 /settings 更改。",
        "Moyou may not speak in this channel; try another one, or a moderator can change /settings.",
    ),
    "quiet_hours": (
        "现在是这里的安静时间，到 {until} 为止；请那时再来。",
        "These are quiet hours on this server, until {until}; try again then.",
    ),
    "no_summaries": (
        "这个服务器关闭了摘要；管理者可以用 /settings 打开。",
        "Summaries are off on this server; a moderator can switch them on with /settings.",
    ),
    "daily_limit": (
        "你今天在这里的 {limit} 次已经用完，请明天再来。",
        "You have had your {limit} answers for today on this server; try again tomorrow.",
    ),
    "blocked_word": (
        "这段文字里有这个服务器不许用的词，请换个说法。",
        "The text has a word that is not allowed on this server; say it another way.",
    ),
    "too_often": (
        "一下子说得太多了，请过 {seconds} 秒再试。",
        "That was a lot at once; try again in {seconds} s.",
    ),
    "busy": ("墨友正忙，请稍后再试。", "Moyou is busy; try again in a moment."),
    "queue_full": (
        "正在等待的人太多了（{waiting} 位），请稍后再试。",
        "Too many people are waiting ({waiting}); try again in a moment.",
    ),
    "too_slow": (
        "写了 {seconds:g} 秒还没写完，先停下了；换段短一点的文字试试。",
        "This took longer than {seconds:g} seconds and was stopped; try a shorter text.",
    ),
    "loading": (
        "墨友刚启动，模型还在载入，请过几秒再试。",
        "Moyou has just started and is loading its models; try again in a few seconds.",
    ),
    "shutting_down": (
        "墨友正在关闭，请一分钟后再试。",
        "Moyou is shutting down; try again in a minute.",
    ),
    "nothing_good": (
        "这次没想出好句子，换个说法，或者再试一次吧。",
        "Nothing good came to mind; say it another way or try again.",
    ),
    "setup": (
        "墨友的安装或设置有问题，需要管理者处理。",
        "Something about Moyou's installation needs its owner's attention.",
    ),
    "model_missing": (
        "在 {folder} 找不到模型 {model}；请重新安装墨友，或用 python -m engine train 训练它。",
        "The model {model} was not found in {folder}; install Moyou again or train it with: "
        "python -m engine train.",
    ),
    "model_broken": (
        "{folder} 里的模型读不出来（{reason}）；请用备份恢复，或重新训练。",
        "The model in {folder} cannot be read ({reason}); restore it from a copy or train it again.",
    ),
    "prompt_broken": (
        "{file}：{key}：{reason}；请改正文件里的这个键。",
        "{file}: {key}: {reason}; correct this key in the file.",
    ),
    "journal_unreadable": (
        "日志库 {file} 打不开（{reason}）；请把 MOYOU_DATA 设为可写的文件夹。",
        "The journal {file} cannot be opened ({reason}); set MOYOU_DATA to a folder that can be written.",
    ),
    "extra_missing": (
        "{option} 需要 {package}，这里没有装；在源码文件夹里运行：pip install '.[{extra}]'。",
        "{option} needs {package}, which is not installed; run in the checkout: pip install '.[{extra}]'.",
    ),
    "bad_setting": ("设置 {setting} 不可用：{reason}。", "The setting {setting} is not usable: {reason}."),
    "tune": ("调优没能进行下去。", "Tuning cannot go on."),
    "too_few_signals": (
        "现在有 {people} 个人的 {have} 条可用评价；调优至少需要 {need_people} 个人的 {need} 条。",
        "There are {have} usable judgements from {people} people; "
        "tuning needs at least {need} from {need_people}.",
    ),
    "one_sided": (
        "这 {have} 条评价几乎都一样；调优需要有人喜欢、也有人不喜欢，才好比较。",
        "Nearly all of the {have} judgements say the same; tuning needs likes and dislikes to compare.",
    ),
    "gain_not_shown": (
        "新模型没有被采用：在留出的评价上，它比 {against} 好 {gain}（95% 区间 {low} 到 {high}），"
        "还不能肯定大于零。",
        "The new model was not promoted: on judgements kept aside its gain over {against} is {gain} "
        "(95 % interval {low} to {high}), which is not surely above zero.",
    ),
    "quality_fell": (
        "新模型没有被采用：照它选出来的回复，这些方面变差了：{measures}。",
        "The new model was not promoted: of the replies it would have sent, this is worse: {measures}.",
    ),
    "not_better": ("新模型没有被采用：{reason}。", "The new model was not promoted: {reason}."),
    "fine_tuning_off": (
        "微调没有打开。Discord 开发者政策第 21 条不许用经由 API 得到的消息内容训练模型；微调只学墨友自己写的"
        "（有别人原话的都不要）和去掉身份的评价。要打开，请加 --on。",
        "Fine-tuning is off. Rule 21 of Discord's Developer Policy forbids training models on message "
        "content obtained through the APIs; fine-tuning learns from Moyou's own outputs, less every one with "
        "a passage of a person's, and from de-identified judgements. To switch it on, add --on.",
    ),
    "trial_runs": (
        "{model} 正在现场比试；等它按规则有了结果，或者采用、退回一个版本来结束它，才能开始下一场。",
        "A live test of {model} runs; another begins when its rule has decided, or when a promotion or a "
        "rollback ends it.",
    ),
    "origin_missing": (
        "{version} 最初是从 {model} 调出来的，也要以它为准绳，但在 {folder} 里找不到它；请把它放回那里，"
        "或者用 --from 指定重新开始的模型。",
        "{model}, which {version} was first tuned from and is held to, was not found in {folder}; put it "
        "back there, or name the model to begin anew from with --from.",
    ),
    "nothing_to_roll_back": (
        "{model} 没有更早的版本可以退回。",
        "{model} has no earlier version to go back to.",
    ),
    "in_force_already": (
        "{model} 已经在用了；请换一个版本来和它比。",
        "{model} is in force already; try another version against it.",
    ),
    "forgotten_meanwhile": (
        "模型学了 {times} 次，每次都有人在中途要求忘掉自己，所以学到的一样也没留；请过一会儿再运行。",
        "Each of {times} times that a model learnt, somebody was forgotten meanwhile, so nothing of it was "
        "kept; run it again later.",
    ),
}

_WORDS: dict[str, tuple[str, str]] = {
    # --- settings: why one is refused; it ends the sentence of bad_setting
    "setting.token_form": (
        "它不像机器人的令牌；请从 Discord 开发者门户的 Bot 页整段复制",
        "it does not have the form of a bot token; copy all of it from the Bot page of Discord's "
        "developer portal",
    ),
    "setting.console_token": (
        "控制台开在 {host}，别的机器也能访问，因此必须设一个口令",
        "the console is bound to {host}, which other machines can reach, so it needs a token",
    ),
    "setting.console_token_form": (
        "至少 {least} 个字符，只用 ASCII 字符",
        "use at least {least} characters, ASCII only",
    ),
    "setting.host": ("请写一个地址或主机名", "give an address or a host name"),
    "setting.number": ("请写 {low} 到 {high} 之间的数", "give a number from {low} to {high}"),
    "setting.whole": ("请写 {low} 到 {high} 之间的整数", "give a whole number from {low} to {high}"),
    "setting.switch": ("请写 on 或 off", "give on or off"),
    "setting.one_of": ("可选：{known}", "choose one of: {known}"),
    "setting.guild": (
        "请写服务器的编号，15 到 20 位数字",
        "give a server's id, 15 to 20 digits",
    ),
    "setting.shards": (
        "请写分片的总数，或本进程的分片和总数，例如 0-1/4",
        "give how many shards there are, or this process's own and how many, such as 0-1/4",
    ),
    "setting.unknown": (
        "没有这个设置；全部设置见 .env.example",
        "there is no such setting; .env.example lists them all",
    ),
    "setting.port_busy": (
        "端口 {port} 已被占用；关掉占用它的程序，或换一个端口",
        "port {port} is in use; stop the program that uses it or choose another port",
    ),
    "setting.port_refused": (
        "不能在 {host} 的端口 {port} 上监听（{reason}）",
        "cannot listen on {host} port {port} ({reason})",
    ),
    "setting.token_refused": (
        "Discord 拒绝了这个令牌；请在开发者门户重新生成一个",
        "Discord refuses this token; make a new one in the developer portal",
    ),
    "setting.intent_refused": (
        "Discord 没有开放 Message Content 权限；请在开发者门户的 Bot 页打开它，或把这个设置改为 off",
        "Discord does not grant the Message Content intent; switch it on at the Bot page of the "
        "developer portal, or set this to off",
    ),
    # --- start: what `python -m bot` and `--check` print
    "start.console": ("控制台：{address}", "Console: {address}"),
    "start.console_token": (
        "控制台：{address}（打开时需要口令）",
        "Console: {address} (it asks for the token)",
    ),
    "start.compiled": (
        "写作：为这台机器编译好了",
        "Writing: compiled for this machine",
    ),
    "start.not_compiled": (
        "写作：没有能用的 C 编译器，会慢三倍；装上 gcc 再启动就好",
        "Writing: no C compiler that works, so it takes three times as long; install gcc and start again",
    ),
    "start.discord_on": (
        "Discord：会连接；邀请链接 {link}",
        "Discord: would connect; its invite link is {link}",
    ),
    "start.discord_reads": (
        "Discord：会用 Message Content Intent，它要在开发者门户的 Bot 页打开",
        "Discord: would use the Message Content Intent, which has to be on at the portal's Bot page",
    ),
    "start.discord_off": (
        "Discord：不连接（没有设置 DISCORD_TOKEN）",
        "Discord: off (DISCORD_TOKEN is not set)",
    ),
    "start.tasks": ("任务：{tasks}", "Tasks: {tasks}"),
    "start.models": ("模型：{models}", "Models: {models}"),
    "start.journal": ("日志库：{file}", "Journal: {file}"),
    "start.journal_new": ("日志库：{file}（启动时新建）", "Journal: {file} (made at start)"),
    "start.ready": ("一切就绪，可以启动。", "Everything is in place; Moyou would start."),
    "start.not_ready": (
        "有 {count} 处问题，现在还不能启动。",
        "Problems: {count}; Moyou would not start.",
    ),
    "start.loading": (
        "正在载入模型，要几秒；现在就可以打开 {address}",
        "Loading models, which takes some seconds; {address} can be opened already",
    ),
    "start.serving": ("墨友已就绪：{address}", "Moyou is ready: {address}"),
    "start.stopping": ("墨友正在关闭。", "Moyou is shutting down."),
    "start.failed": (
        "启动失败：{reason}。",
        "The start failed: {reason}.",
    ),
    # --- failures, said with a reference number that is in the log as well
    "failure.reference": ("{sentence}（编号 {reference}）", "{sentence} (reference {reference})"),
    "failure.unexpected": (
        "出了点意外，已经记在日志里；请稍后再试。",
        "Something unexpected happened and was logged; try again in a moment.",
    ),
    "failure.setup": (
        "墨友的安装或设置有问题，请把编号告诉管理者。",
        "Moyou's installation needs its owner's attention; tell them the reference.",
    ),
    # --- translations that may be wrong
    "doubt.unsure": (
        "把握约 {percent}%，有些地方可能译错了。",
        "About {percent} % sure; parts of this may be wrong.",
    ),
    "doubt.guess": (
        "把握只有约 {percent}%，大半是猜的，请别当真。",
        "Only about {percent} % sure: mostly a guess, do not rely on it.",
    ),
    # --- console: bot/wording_console.py
    **wording_console.WORDS,
    # --- servers and their moderators: bot/wording_guilds.py
    **wording_guilds.WORDS,
    # --- moderators and the owner: bot/wording_moderators.py
    **wording_moderators.WORDS,
    # --- Discord: bot/wording_discord.py
    **wording_discord.WORDS,
    # --- Discord's menus, threads, attachments, questions: bot/wording_commands.py
    **wording_commands.WORDS,
}


_REFERENCE = re.compile(r"(?:（编号 [0-9A-F]{6}）|（編號 [0-9A-F]{6}）| \(reference [0-9A-F]{6}\))$")


def language(locale: str) -> str:
    """The language of our own words that a locale gets: zh-CN, zh-TW or en."""
    if locale.startswith(_TRADITIONAL):
        return "zh-TW"
    return "zh-CN" if locale.startswith("zh") else "en"


def language_of(text: str, otherwise: str = "en") -> str:
    """The locale to answer a text in: Chinese with any Han character, en with any other letter.

    zh-TW when it is written in traditional characters; where all its characters are used in both
    scripts, `otherwise` decides. A text of neither (emoji, numbers, nothing) gets `otherwise`. Of a
    long text the beginning tells: a post may be longer than any task takes.
    """
    text = whole_characters(text[:READ])
    if any("\u3400" <= c <= "\u9fff" or "\U00020000" <= c <= "\U000323af" for c in text):
        only_traditional = _changed(text, simplify(text))
        if not only_traditional and language(otherwise) != "zh-TW":
            return "zh-CN"
        only_simplified = _changed(text, in_characters_of(text, "zh-TW"))
        # halved: conversion takes 台 and 里 for simplified, which traditional texts have as well
        if only_traditional and only_traditional > only_simplified / 2:
            return "zh-TW"
        return "zh-CN" if only_simplified or language(otherwise) != "zh-TW" else "zh-TW"
    return "en" if any(c.isalpha() for c in text) else otherwise


@functools.lru_cache(maxsize=4096)
def traditional(text: str) -> str:
    """`text` in the characters used in Taiwan. For words of our own: they are remembered."""
    return to_traditional(text)


def in_characters_of(text: str, locale: str) -> str:
    """Words that are not ours (a reply, a verse) in the characters of a locale; nothing is remembered."""
    return to_traditional(whole_characters(text)) if language(locale) == "zh-TW" else text


def load() -> None:
    """Loads the converters' dictionaries, which takes some tenths of a second: not on an event loop."""
    language_of("汉", "zh-TW")  # who reads traditional characters is told by both


def _changed(before: str, after: str) -> int:
    return 0 if before == after else sum(a != b for a, b in zip(before, after, strict=False))


def _pick(words: tuple[str, str], locale: str) -> str:
    chosen = language(locale)
    if chosen == "en":
        return words[1]
    return traditional(words[0]) if chosen == "zh-TW" else words[0]


def say(key: str, locale: str = DEFAULT_LOCALE, **fields: object) -> str:
    """The sentence of `key` in a locale. KeyError when there is no such key or field."""
    return _pick(_WORDS[key], locale).format(**fields)


@functools.cache
def _whole() -> frozenset[str]:
    """All sentences that hold nothing but our own words, in every language."""
    words = [both for both in (*_WORDS.values(), *_ERRORS.values()) if not any("{" in one for one in both)]
    return frozenset(_pick(both, locale) for both in words for locale in ("zh-CN", "zh-TW", "en"))


def is_own(text: str) -> bool:
    """Whether a text is one of our sentences that holds nobody else's words, with a reference or without."""
    bare = _REFERENCE.sub("", text.strip())
    return bare in _whole() or text.strip() in _whole()


def sentence_of(error: BaseException, locale: str = DEFAULT_LOCALE) -> str:
    """What to tell a person about an exception: by its code, or the nearest parent's that has words."""
    fields: dict[str, object] = getattr(error, "fields", {})
    for kind in type(error).__mro__:
        words = _ERRORS.get(kind.__dict__.get("code", ""))
        if words is not None:
            return _pick(words, locale).format(**fields)
    return say("failure.unexpected", locale)
