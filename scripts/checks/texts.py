# SPDX-License-Identifier: MIT
"""The texts of the clients: found in the C sources, kept in .po files, compiled into C tables.

A text is a string literal in a place that is looked up: the argument of tr(), TR(), tr_count(), or a format of one of
the functions in CALLS. What is between two literals of one argument (a ?: for instance) makes two texts of them.
"""
import re

from . import source

# function -> which of its arguments are texts; those after the first line pass theirs on to one of the first
CALLS = {'tr': (0,), 'TR': (0,), 'tr_count': (0, 1), 'fail': (3,), 'print_usage_error': (1,), 'print_failure': (2,),
         'die': (2,), 'refuse': (1,), 'refuse_package': (2,), 'group_trouble': (1,), 'file_trouble': (0,)}
LITERAL = r'"(?:\\.|[^"\\\n])*"'
TOKEN = re.compile(rf'{LITERAL}|\'(?:\\.|[^\'\\])+\'|[()\[\]{{}},]|\b(?:{"|".join(CALLS)})\b(?=\s*\()')
CONVERSION = re.compile(r'%(?:(\d+)\$)?([-+ #0]*)(\d+|\*)?(\.(?:\d+|\*))?(hh|h|ll|l|z|j|t)?([diouxXcsp%])')
ESCAPES = {'n': '\n', 't': '\t', '"': '"', '\\': '\\'}
# A comment of a .po entry that is used by the sources of somebody else: the server's sentences, strerror().
FOREIGN = ('#. said by the server', '#. said by the system')


def unquote(literal):
    return re.sub(r'\\(.)', lambda match: ESCAPES[match.group(1)], literal[1:-1])


def quote(text):
    return '"' + text.replace('\\', '\\\\').replace('"', '\\"').replace('\n', '\\n').replace('\t', '\\t') + '"'


def arguments(code, start):
    """The arguments of the call whose bracket opens at start, as source text."""
    depth, begin, found = 0, start + 1, []
    for match in TOKEN.finditer(code, start):
        token = match.group(0)
        if token in '([{':
            depth += 1
        elif token in ')]}':
            depth -= 1
        if depth == 0 or (depth == 1 and token == ','):
            found.append(code[begin:match.start()])
            begin = match.end()
        if depth == 0:
            return found
    return found


def texts_in(code):
    """(text, plural or None, position) of every text in C code without comments."""
    for match in TOKEN.finditer(code):
        name = match.group(0)
        if name not in CALLS:
            continue
        given = arguments(code, code.index('(', match.end()))
        groups = [re.findall(rf'{LITERAL}(?:\s*{LITERAL})*', given[at]) for at in CALLS[name] if at < len(given)]
        plain = [[''.join(map(unquote, re.findall(LITERAL, group))) for group in found] for found in groups]
        if name == 'tr_count' and len(plain) == 2:
            for one, many in zip(*plain):
                yield one, many, match.start()
        else:
            for text in plain[0] if plain else []:
                if re.search(r'[A-Za-z]', CONVERSION.sub('', text)):
                    yield text, None, match.start()


def used(root):
    """text -> (plural or None, first place), in the order of the sources."""
    found = {}
    for path in source.tracked(root, 'clients/*.c', 'clients/*.h'):
        if path.name == 'text.h':
            continue
        code = source.without_comments(source.text_of(path))
        # The lines of a #define are code all the same.
        for text, many, at in texts_in(code):
            found.setdefault(text, (many, f'{path.relative_to(root)}:{code.count(chr(10), 0, at) + 1}'))
    return found


class Entry:
    def __init__(self):
        self.comments, self.english, self.many, self.forms = [], '', None, []

    def foreign(self):
        return any(line.startswith(FOREIGN) for line in self.comments)

    def translated(self):
        return bool(self.forms) and all(self.forms) and (self.many is None or len(self.forms) == 3)


def read_po(path):
    """The entries of a .po file in its order; the first is its header."""
    entries, entry, into = [], Entry(), None
    for line in path.read_text(encoding='utf-8').splitlines() + ['']:
        if not line.strip():
            if entry.forms:
                entries.append(entry)
            entry = Entry()
        elif line.startswith('#'):
            entry.comments.append(line)
        elif line.startswith('"'):
            into(unquote(line))
        else:
            keyword, literal = line.split(' ', 1)
            if keyword == 'msgid':
                into = lambda more, e=entry: setattr(e, 'english', e.english + more)  # noqa: E731
            elif keyword == 'msgid_plural':
                entry.many = ''
                into = lambda more, e=entry: setattr(e, 'many', e.many + more)  # noqa: E731
            else:
                entry.forms.append('')
                into = lambda more, e=entry: e.forms.__setitem__(-1, e.forms[-1] + more)  # noqa: E731
            into(unquote(literal))
    return entries


def po_lines(keyword, text):
    pieces = re.findall(r'[^\n]*\n|[^\n]+', text)
    if len(pieces) < 2:
        return [f'{keyword} {quote(text)}']
    return [f'{keyword} ""'] + [quote(piece) for piece in pieces]


def written(entries):
    lines = []
    for entry in entries:
        lines += entry.comments + po_lines('msgid', entry.english)
        if entry.many is not None:
            lines += po_lines('msgid_plural', entry.many)
        for number, form in enumerate(entry.forms):
            lines += po_lines('msgstr' if entry.many is None else f'msgstr[{number}]', form)
        lines.append('')
    return '\n'.join(lines)


def languages(root):
    return sorted((root / 'clients' / 'text').glob('*.po'))


def update(root):
    texts = used(root)
    for path in languages(root):
        header, *entries = read_po(path)
        known = {entry.english: entry for entry in entries}
        kept = []
        for text, (many, _place) in texts.items():
            entry = known.get(text)
            if entry is None or entry.many != many:
                entry = Entry()
                entry.english, entry.many, entry.forms = text, many, [''] * (3 if many else 1)
            kept.append(entry)
        kept += [entry for entry in entries if entry.foreign() and entry.english not in texts]
        # In the order of the alphabet: two people who add texts rarely meet.
        kept.sort(key=lambda entry: entry.english.lower())
        path.write_text(written([header] + kept), encoding='utf-8')
        empty = sum(not entry.translated() for entry in kept)
        yield f'{path.relative_to(root)}: {len(kept)} texts, {empty} without translation'


def conversions(text):
    """Type and length by argument, whatever the order in which a translation takes them."""
    found = {}
    for place, match in enumerate((m for m in CONVERSION.finditer(text) if m.group(6) != '%'), start=1):
        number, _flags, width, precision, length, kind = match.groups()
        stars = (width == '*') + (precision == '.*')
        found[int(number or place)] = (stars, length, kind)
    return found


def disagreements(path, entries):
    for entry in entries:
        for form in filter(None, entry.forms):
            if entry.english and conversions(form) not in (conversions(entry.english), conversions(entry.many or '%p')):
                yield f'{path.name}: the conversions of {quote(form)} are not those of {quote(entry.english)}'
            if entry.english and form.endswith('\n') != entry.english.endswith('\n'):
                yield f'{path.name}: {quote(form)} and {quote(entry.english)} end differently'


def check(root, _build):
    """Every text has a translation, and every translation fits a text."""
    texts = used(root)
    for path in languages(root):
        _header, *entries = read_po(path)
        yield from disagreements(path, entries)
        known = {entry.english: entry for entry in entries}
        for text, (many, place) in texts.items():
            entry = known.get(text)
            if entry is None or entry.many != many or not entry.translated():
                yield f'{place}: {quote(text)} is not in {path.name}; run scripts/texts update and translate it'
        for entry in entries:
            if not entry.foreign() and entry.english not in texts:
                yield f'{path.name}: {quote(entry.english)} is no longer used; run scripts/texts update'


def compiled(language, entries):
    rows = sorted((entry for entry in entries if entry.english and entry.translated()),
                  key=lambda entry: entry.english.encode())
    lines = ['/* Made by scripts/texts compile. */', '#include "catalogue.h"', '',
             f'const struct text_entry text_{language}[] = {{']
    lines += [f'    {{{quote(row.english)}, {{{", ".join(map(quote, row.forms))}}}}},' for row in rows]
    lines += ['};', f'const size_t text_{language}_count = {len(rows)};', '']
    return '\n'.join(lines)
