"""Every error that Moyou shows to people, as one class tree.

Knows: what went wrong, as values (`fields`), and one English sentence naming the next step.
Does not know: how it is worded for people in a locale (`bot.wording` does, by `code`).

    MoyouError
    ├── BadInput             the person can fix it
    │   ├── EmptyText  TextTooLong  UnknownTask  UnknownForm  BadOption  BadFile  NothingToSummarize
    │   ├── AnotherModel  NoCompiler  AnotherRequest  NotVerse  TwoLanguages
    │   ├── HeadMissing  HeadUnfit  HeadUnwritable
    │   ├── AnotherJournal  FileTooLarge  FileNotText  UnknownChoice  BadEmoji  TooManyEmoji
    ├── NotHere              the moderators of a server do not want it
    │   ├── WrongChannel  QuietHours  NoSummaries  DailyLimit  BlockedWord
    ├── Busy                 nothing is wrong, try again
    │   ├── QueueFull  TooSlow  ShuttingDown  TooOften  Loading
    ├── NothingGood          the engine's own score says that no draft is worth sending
    ├── SetupError           the owner can fix it
    │   ├── ModelMissing  ModelBroken  PromptBroken  JournalUnreadable  BadSetting  ExtraMissing
    └── TuneError            tuning cannot go on
        ├── TooFewSignals  OneSided  NothingToRollBack  InForceAlready  TrialRuns  ForgottenMeanwhile
        ├── OriginMissing
        ├── NotBetter
        │   ├── GainNotShown
        │   ├── QualityFell
"""

from __future__ import annotations

from typing import ClassVar


class MoyouError(Exception):
    """Base of the tree. `str(error)` is the English sentence; `fields` are the values in it."""

    code: ClassVar[str] = "error"
    sentence: ClassVar[str] = "Something went wrong; the log has the details."

    def __init__(self, **fields: object) -> None:
        self.fields = fields
        super().__init__(self.sentence.format(**fields))


class BadInput(MoyouError):
    code = "bad_input"


class EmptyText(BadInput):
    code = "empty_text"
    sentence = "There is no text to work on; write a few words and try again."


class TextTooLong(BadInput):
    code = "text_too_long"
    sentence = "The text has {length} characters; shorten it to {limit} or fewer."


class UnknownTask(BadInput):
    code = "unknown_task"
    sentence = "There is no task named {task}; choose one of: {known}."


class UnknownForm(BadInput):
    code = "unknown_form"
    sentence = "There is no verse form named {form}; choose one of: {known}."


class HeadMissing(BadInput):
    code = "head_missing"
    sentence = (
        "An acrostic needs its characters: give the option head {lines} Chinese characters, "
        "one for each line."
    )


class HeadUnfit(BadInput):
    code = "head_unfit"
    sentence = "This form has {lines} lines, the head {have} characters; give one character for each line."


class HeadUnwritable(BadInput):
    code = "head_unwritable"
    sentence = "A line cannot begin with {characters}; use Chinese characters that are not too rare."


class BadOption(BadInput):
    code = "bad_option"
    sentence = "The option {option} does not accept this value; {reason}."


class UnknownChoice(BadInput):
    code = "unknown_choice"
    sentence = "The option {option} has no such value; choose one of: {known}."


class BadFile(BadInput):
    code = "bad_file"
    sentence = "{file} cannot be used: {reason}."


class FileTooLarge(BadInput):
    code = "file_too_large"
    sentence = "{file} has {size} bytes; give a text of at most {limit}."


class FileNotText(BadInput):
    code = "file_not_text"
    sentence = "{file} is not text in UTF-8, UTF-16 or GB18030; save it as UTF-8 and try again."


class NothingToSummarize(BadInput):
    code = "nothing_to_summarize"
    sentence = "There is nothing to summarise here yet; try a channel where people have written."


class AnotherModel(BadInput):
    code = "another_model"
    sentence = (
        "This reply was written by {written}, but {loaded} is loaded; put that model back to replay it."
    )


class NoCompiler(BadInput):
    code = "no_compiler"
    sentence = "This reply was written by compiled code; install a C compiler (gcc) here to replay it."


class AnotherRequest(BadInput):
    code = "another_request"
    sentence = "This reply was not written for these words; give the words it was asked with."


class NotVerse(BadInput):
    code = "not_verse"
    sentence = (
        "These lines have no form of verse that is known here ({known}); "
        "check the length of each line, or take the text for prose."
    )


class TwoLanguages(BadInput):
    code = "two_languages"
    sentence = "The two texts are in different languages; give two in Chinese or two in English."


class AnotherJournal(BadInput):
    code = "another_journal"
    sentence = (
        "{file} hides people under another key than {into}; start each machine with a copy of one "
        "journal.db, then their journals can be merged."
    )


class BadEmoji(BadInput):
    code = "bad_emoji"
    sentence = (
        "“{line}” is no emoji with its value; write one emoji and a number from -1 to 1 on each line. "
        "Sending `\\:name:` in a channel shows a server's own emoji as <:name:id>, to be written here."
    )


class TooManyEmoji(BadInput):
    code = "too_many_emoji"
    sentence = "{have} emoji are too many; name at most {most}."


class NotHere(MoyouError):
    code = "not_here"
    sentence = "The moderators of this server do not want this here; ask them."


class WrongChannel(NotHere):
    code = "wrong_channel"
    sentence = "Moyou may not speak in this channel; try another one, or a moderator can change /settings."


class QuietHours(NotHere):
    code = "quiet_hours"
    sentence = "These are quiet hours on this server, until {until}; try again then."


class NoSummaries(NotHere):
    code = "no_summaries"
    sentence = "Summaries are off on this server; a moderator can switch them on with /settings."


class DailyLimit(NotHere):
    code = "daily_limit"
    sentence = "You have had your {limit} answers for today on this server; try again tomorrow."


class BlockedWord(NotHere):
    code = "blocked_word"
    sentence = "The text has a word that is not allowed on this server; say it another way."


class Busy(MoyouError):
    code = "busy"
    sentence = "Moyou is busy; try again in a moment."


class QueueFull(Busy):
    code = "queue_full"
    sentence = "Too many people are waiting ({waiting}); try again in a moment."


class TooSlow(Busy):
    code = "too_slow"
    sentence = "This took longer than {seconds:g} seconds and was stopped; try a shorter text."


class ShuttingDown(Busy):
    code = "shutting_down"
    sentence = "Moyou is shutting down; try again in a minute."


class TooOften(Busy):
    code = "too_often"
    sentence = "That was a lot at once; try again in {seconds} s."


class Loading(Busy):
    code = "loading"
    sentence = "Moyou is still loading its models; try again in a few seconds."


class NothingGood(MoyouError):
    code = "nothing_good"
    sentence = "Nothing good came to mind; say it another way or try again."


class SetupError(MoyouError):
    code = "setup"


class ModelMissing(SetupError):
    code = "model_missing"
    sentence = (
        "The model {model} was not found in {folder}; install Moyou again or train it with: "
        "python -m engine train."
    )


class ModelBroken(SetupError):
    code = "model_broken"
    sentence = "The model in {folder} cannot be read ({reason}); restore it from a copy or train it again."


class PromptBroken(SetupError):
    code = "prompt_broken"
    sentence = "{file}: {key}: {reason}; correct this key in the file."


class JournalUnreadable(SetupError):
    code = "journal_unreadable"
    sentence = (
        "The journal {file} cannot be opened ({reason}); set MOYOU_DATA to a folder that can be written."
    )


class BadSetting(SetupError):
    code = "bad_setting"
    sentence = "The setting {setting} is not usable: {reason}."


class ExtraMissing(SetupError):
    code = "extra_missing"
    sentence = (
        "{option} needs {package}, which is not installed; run in the checkout: pip install '.[{extra}]'."
    )


class TuneError(MoyouError):
    code = "tune"


class TooFewSignals(TuneError):
    code = "too_few_signals"
    sentence = (
        "There are {have} usable judgements from {people} people; "
        "tuning needs at least {need} from {need_people}."
    )


class OneSided(TuneError):
    code = "one_sided"
    sentence = "Nearly all of the {have} judgements say the same; tuning needs likes and dislikes to compare."


class FineTuningOff(TuneError):
    code = "fine_tuning_off"
    sentence = (
        "Fine-tuning is off. Discord's Developer Policy, rule 21: “Do not use message content obtained "
        "through the APIs to train machine learning or AI models (including large language models) unless "
        "express permission is granted by Discord.” It learns from Moyou's own outputs, less every one with "
        "a passage of a person's, and from de-identified judgements; to switch it on, add --on."
    )


class NotBetter(TuneError):
    code = "not_better"
    sentence = "The new model was not promoted: {reason}."


class GainNotShown(NotBetter):
    code = "gain_not_shown"
    sentence = (
        "The new model was not promoted: on judgements kept aside its gain over {against} is {gain} "
        "(95 % interval {low} to {high}), which is not surely above zero."
    )


class QualityFell(NotBetter):
    code = "quality_fell"
    sentence = "The new model was not promoted: of the replies it would have sent, this is worse: {measures}."


class TrialRuns(TuneError):
    code = "trial_runs"
    sentence = (
        "A live test of {model} runs; another begins when its rule has decided, or when a promotion or a "
        "rollback ends it."
    )


class NothingToRollBack(TuneError):
    code = "nothing_to_roll_back"
    sentence = "{model} has no earlier version to go back to."


class InForceAlready(TuneError):
    code = "in_force_already"
    sentence = "{model} is in force already; try another version against it."


class OriginMissing(TuneError):
    code = "origin_missing"
    sentence = (
        "{model}, which {version} was first tuned from and is held to, was not found in {folder}; put it "
        "back there, or name the model to begin anew from with --from."
    )


class ForgottenMeanwhile(TuneError):
    code = "forgotten_meanwhile"
    sentence = (
        "Each of {times} times that a model learnt, somebody was forgotten meanwhile, so nothing of it was "
        "kept; run it again later."
    )
