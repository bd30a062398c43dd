# SPDX-License-Identifier: MIT
"""Checks that read the source text: licence, words, machine paths, banned functions, layers, lengths, links."""
import re
import subprocess

FUNCTION_LINES_MAX = 90
FILE_LINES_MAX = 900

# Left-over work says so in one of these words; a lone word in quotes is data. Written so that this file does not
# find itself.
WORDS = re.compile(r'(?<!")\b(TO' r'DO|FIX' r'ME|XX' r'X|HA' r'CK|stu' r'b|place' r'holder|for n' r'ow(?! and then)|not imple' r'mented)\b(?!")')
MACHINE_PATHS = re.compile(r'/(wor' r'k|roo' r't|far' r'm|hom' r'e/[a-z])/')

# Functions with no length, no bound, a shell, or predictable randomness.
BANNED = re.compile(r'(?<![\w.>])(strcpy|strcat|stpcpy|sprintf|vsprintf|gets|alloca|system|popen|rand|srand|random|'
                    r'tmpnam|mktemp)\s*\(')
SECRET_COMPARE = re.compile(r'\b(?:memcmp|strcmp|strncmp)\s*\([^;{]*\b\w*(secret|password|token_|_tag|_mac|psk)\w*')
# Ed25519 is judged by mls_ed25519_verify alone (docs/e2ee.md); what it asks is the provider.
VERIFY = re.compile(r'(\bcrypto_sign_(ed25519_)?(verify_detached|open)|\bEVP_DigestVerify\w*|->ed25519_verify)\s*\(')
VERIFIERS = ('crypto/mls/src/provider_default.c', 'crypto/mls/src/ed25519_rule.c')
JWT = re.compile(r'#\s*include\s*<jwt\.h>')

# Words by which the core would know a module. The last two are also English, so only text counts there.
MODULE_NAMES = re.compile(r'\b(auth|keyx|chat)\b|"(sotto\.)?(files|summary)(\.[^"\n]*)?"')

# folder -> the folders of ours that it may include from, besides itself
REACH = {
    'core': ('sdk',),
    'sdk': (),
    'modules': ('sdk', 'crypto'),
    'crypto': (),
    'clients': ('crypto',),
    'ctl': ('core', 'sdk'),
}


def tracked(root, *patterns):
    """Files under version control, plus new ones that are not ignored."""
    output = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard', '--', *patterns], cwd=root,
                            capture_output=True, check=True, text=True).stdout
    return [root / name for name in sorted(set(output.splitlines())) if (root / name).is_file()]


def code_files(root):
    return tracked(root, '*.c', '*.h')


def text_of(path):
    return path.read_text(encoding='utf-8', errors='replace')


def without_comments(text):
    """C text with comments blanked out, line numbers kept, strings left alone."""
    pattern = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*.*?\*/|//[^\n]*', re.DOTALL)

    def blank(match):
        found = match.group(0)
        return found if found[0] in '"\'' else re.sub(r'[^\n]', ' ', found)
    return pattern.sub(blank, text)


def without_strings(text):
    return re.sub(r'"(?:\\.|[^"\\\n])*"', '""', text)


def find(root, path, pattern, text):
    """'file:line: match' for every match of pattern in text."""
    for match in pattern.finditer(text):
        line = text.count('\n', 0, match.start()) + 1
        yield f'{path.relative_to(root)}:{line}: {match.group(0).strip()}'


def licence(root, _build):
    wanted = {'.c': '/* SPDX-License-Identifier: MIT */', '.h': '/* SPDX-License-Identifier: MIT */',
              '.py': '# SPDX-License-Identifier: MIT', '.cmake': '# SPDX-License-Identifier: MIT',
              '.proto': '// SPDX-License-Identifier: MIT', '.mjs': '// SPDX-License-Identifier: MIT'}
    for path in tracked(root, *(f'*{suffix}' for suffix in wanted)):
        first = text_of(path).split('\n', 1)[0]
        if first != wanted[path.suffix] and path.stat().st_size > 0:
            yield f'{path.relative_to(root)}:1: must begin with {wanted[path.suffix]}'


def words(root, _build):
    for path in tracked(root, '*.c', '*.h', '*.py', '*.mjs', '*.md', '*.proto', '*.sql', '*.cmake', '*.conf',
                        '*CMakeLists.txt', 'Makefile', 'scripts/*', '.ci/*'):
        yield from find(root, path, WORDS, text_of(path))


def paths(root, _build):
    for path in tracked(root):
        if path.suffix not in ('.png', '.woff2', '.bin'):
            yield from find(root, path, MACHINE_PATHS, text_of(path))


def banned(root, _build):
    jwt_users = []
    for path in code_files(root):
        code = without_comments(text_of(path))
        yield from find(root, path, BANNED, without_strings(code))
        if not str(path.relative_to(root)).startswith('tests/'):
            for line in find(root, path, SECRET_COMPARE, without_strings(code)):
                yield f'{line} (secrets are compared with sodium_memcmp)'
            if str(path.relative_to(root)) not in VERIFIERS:
                for line in find(root, path, VERIFY, code):
                    yield f'{line} (Ed25519 signatures are judged by mls_ed25519_verify)'
        if JWT.search(code):
            jwt_users.append(str(path.relative_to(root)))
    if len(jwt_users) > 1 or any(not user.startswith('modules/auth/') for user in jwt_users):
        yield f'<jwt.h> belongs in one file of modules/auth, not in {", ".join(jwt_users)}'


def may_include(path, header):
    """Whether a file (relative to the project) may include a header that is one of ours."""
    top = path.parts[0]
    target = header.split('/')[0]
    if top not in REACH or target not in REACH or target == top == 'core':
        return True
    if top in ('modules', 'crypto') and target == top:
        return header.split('/')[1] == path.parts[1]
    return target == top or target in REACH[top]


def layers(root, _build):
    own = {str(path.relative_to(root)) for path in code_files(root)}
    for path in code_files(root):
        relative = path.relative_to(root)
        code = without_comments(text_of(path))
        for match in re.finditer(r'#\s*include\s*"([^"]+)"', code):
            header = str((path.parent / match.group(1)).resolve()).replace(f'{root}/', '')
            header = header if header in own else match.group(1)
            if header in own and not may_include(relative, header):
                yield f'{relative}: must not include {match.group(1)}'
        if relative.parts[0] == 'core':
            yield from find(root, path, MODULE_NAMES, code)


def functions(text):
    """(name, first line, lines) of each function: a brace in column 0 opens it and one closes it."""
    lines = text.split('\n')
    start = None
    for number, line in enumerate(lines, start=1):
        if line == '{':
            start = number
        elif line.startswith('}') and start:
            signature = ' '.join(lines[max(0, start - 5):start - 1])
            names = re.findall(r'(\w+)\s*\(', signature)
            yield (names[-1] if names else '?', start, number - start + 1)
            start = None


def length(root, _build):
    for path in code_files(root):
        text = text_of(path)
        if text.count('\n') > FILE_LINES_MAX:
            yield f'{path.relative_to(root)}: {text.count(chr(10))} lines; which noun wants its own file?'
        for name, line, lines in functions(text):
            if lines > FUNCTION_LINES_MAX:
                yield f'{path.relative_to(root)}:{line}: {name} has {lines} lines'


def longest(root):
    """Prints the longest functions and files; a report, not a verdict."""
    rows = [(lines, f'{path.relative_to(root)}:{line} {name}')
            for path in code_files(root) for name, line, lines in functions(text_of(path))]
    print('longest functions: ' + ', '.join(f'{name} ({lines})' for lines, name in sorted(rows)[:-6:-1]))
    files = [(text_of(path).count('\n'), str(path.relative_to(root))) for path in code_files(root)]
    print('longest files: ' + ', '.join(f'{name} ({lines})' for lines, name in sorted(files)[:-6:-1]))


def links(root, _build):
    """Relative links in documents lead somewhere."""
    for path in tracked(root, '*.md'):
        for match in re.finditer(r'\]\(([^)#:\s]+)(?:#[^)]*)?\)', text_of(path)):
            if not (path.parent / match.group(1)).exists():
                yield f'{path.relative_to(root)}: broken link {match.group(1)}'


TEST_FILES = {'scenario': '.py', 'unit': '.c', 'fuzz': '.c', 'interop': '.mjs'}


def acceptance(root, _build):
    """Every program and test that docs/acceptance.md names is there."""
    path = root / 'docs' / 'acceptance.md'
    lines = text_of(path).splitlines() if path.exists() else []
    for number, line in enumerate(lines, start=1):
        cell = line.rsplit('|', 2)[1] if line.startswith('| ') else ''
        program = None
        for word in re.findall(r'`([^`]+)`', cell):
            kind, slash, name = word.partition('/')
            if slash and kind in TEST_FILES:
                program = root / 'tests' / kind / (name + TEST_FILES[kind])
                if not program.exists():
                    yield f'docs/acceptance.md:{number}: there is no {word}'
            elif program and program.exists() and re.fullmatch(r'[a-z0-9_]+', word):
                if not re.search(rf'\b{word}\b', text_of(program)):
                    yield f'docs/acceptance.md:{number}: {program.name} has no test {word}'
