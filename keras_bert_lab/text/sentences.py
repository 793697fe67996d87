"""Documents -> sentences, by one small rule for all languages."""

from __future__ import annotations

import re

__all__ = ["split_sentences"]

# Quotes and brackets that close, and the marks of emphasis in plain text, belong to the sentence before them.
_CLOSING = "\"'”’»›)\\]}*_」』）】》〉"
_OPENING = "-\"'“‘„«‹([{*_—–¿¡"
_STOPS = ".!?…‽؟।॥۔։።᙮"  # end a sentence where white space follows: "3.5", "www.example.org" go on
_DOTS = (".", "…")  # ". . ." is cut nowhere
_WIDE = "。！？｡‼⁇⁈⁉"  # end one always: Chinese and Japanese put no white space behind them
_END = re.compile(rf"[\n{_STOPS}{_WIDE}](?:(?<!\n)[{_STOPS}{_WIDE}]*[{_CLOSING}]*)?")
_NEXT = re.compile(rf"\s*[{re.escape(_OPENING)}]*(.?)", re.DOTALL)

# Words that a full stop does not end a sentence after. Those that often stand at the end of one ("etc.", "Jr.") are not here.
_TITLES = """
    Mr Mrs Ms Messrs Mx Dr Drs Prof Rev Revd Hon Fr Sr Sra Srta St Ste Mme Mlle Mgr MM Hr Frl Dña Dn Sig Capt Col Comdr Cpl
    Gen Gov Lieut Lt Maj Pres Rep Sen Sergt Sgt Supt Esq
    vs cf viz ca bzw bzgl vgl evtl ggf inkl usf resp approx
"""
# Words that only end no sentence when a number follows: "No. 5", but "No. Never."
_BEFORE_NUMBERS = """
    No Nos Nr N° p pp S vol Vol vols Bd ch chap Chap Ch sec Sec fig Fig figs art Art Abs ver Ps
    Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec
"""
_ABBREVIATIONS = frozenset(_TITLES.split())
_NUMBERED = frozenset(_BEFORE_NUMBERS.split())
_NUMERAL = re.compile(r"[\s(\[]*(\d{1,3}|[IVXLC]{1,6}|[A-Za-z])")
_LETTERS = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")
_WORD = re.compile(r"[^\W_]")
_LONGEST_WORD = 12


def _ends_sentence(text: str, start: int, stop: int, follows: str) -> bool:
    """Whether a single full stop ends the sentence that began at `start`.

    Args:
        text: the document.
        start: where the sentence begins.
        stop: place of the full stop.
        follows: the first character of the next word, "" at the end.
    """
    word = text[max(start, stop - _LONGEST_WORD) : stop].rsplit(None, 1)[-1].lstrip(_OPENING)
    if word in _ABBREVIATIONS:
        return False
    if word in _NUMBERED:
        return not follows.isdigit()
    if len(word) == 1 and word.isupper() and word != "I":  # "J. R. R. Tolkien"; in English "I" is a word
        return False
    if "." in word and _LETTERS.fullmatch(word):  # "e.g.", "U.S.", "z.B."
        return False
    return stop - start > _LONGEST_WORD or not _NUMERAL.fullmatch(text, start, stop)  # "1. The first", "IV. The end"


def split_sentences(text: str, line_ends: bool = True) -> list[str]:
    r"""Cut a text into sentences; joined they are the text.

    A sentence ends

    - after ``.``, ``!``, ``?``, ``…`` and their kin in other scripts, with the quotes and brackets that close behind them,
      where white space follows;
    - after ``。``, ``！``, ``？``, whatever follows;
    - where a line does, unless `line_ends` is False.

    Not where the next word begins with a lower-case letter (``"What?" he said``). A single full stop ends none after common
    titles and abbreviations, initials (``J. R. R.``), letters with full stops between them (``e.g.``), or a number alone at
    the beginning (``1. The first``). Wrong cuts are rare, not absent: the rule asks no dictionary and knows no grammar.

    Args:
        text: a document, or a part of one.
        line_ends: whether a line end ends a sentence: right for a paragraph or a sentence a line, wrong for texts whose lines
            were broken to a width.

    Returns:
        The sentences, with the white space between them at the beginning of the later one, where byte-pair tokenizers want
        it; empty for an empty text.

    Example:
        >>> split_sentences('Mr. Smith ate 3.5 pies, e.g. plum. "All of them?" she asked. He nodded.')
        ['Mr. Smith ate 3.5 pies, e.g. plum.', ' "All of them?" she asked.', ' He nodded.']
        >>> split_sentences("他来了。你呢？")
        ['他来了。', '你呢？']
    """
    sentences = []
    start = 0
    for found in _END.finditer(text):
        end = found.end()
        sign = text[found.start()]
        if sign == "\n":
            end = found.start()
            if not line_ends or not text[start:end].strip():
                continue
        elif sign not in _WIDE:
            if not text[end : end + 1].isspace():
                continue
            follows = text[end + 1 : end + 2]
            if not follows.isalnum():  # more white space, or what opens
                follows = _NEXT.match(text, end)[1]  # type: ignore[index]
            if (follows.islower() or follows in _DOTS) and not (line_ends and text[end] == "\n"):
                continue
            if not (text[start + 1].isalnum() or _WORD.search(text, start, end)):  # dashes and dots alone
                continue
            if found[0] == "." and not _ends_sentence(text, start, end - 1, follows):
                continue
        sentences.append(text[start:end])
        start = end
    if text[start:].strip() or (start < len(text) and not sentences):
        sentences.append(text[start:])
    elif start < len(text):
        sentences[-1] += text[start:]
    return sentences
