# SPDX-License-Identifier: MIT
# io_threads: default
"""scripts/check: each rule is seen to fail on something that breaks it, and to pass on what does not."""
import subprocess
import sys

from sotto import SOURCE
from tap import main, test

sys.path.insert(0, str(SOURCE / 'scripts'))

from checks import binary, source  # noqa: E402 # the path is set just above

HEAD = '/* SPDX-License-Identifier: MIT */\n'


def tree(stage, files):
    """Makes a project of these files; returns its root."""
    root = stage.folder / 'project'
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    subprocess.run(['git', 'init', '-q', root], check=True)
    return root


def found(stage, check, **files):
    """What a check says about files named like core__a_c (core/a.c)."""
    paths = {name.replace('__', '/').replace('_', '.'): text for name, text in files.items()}
    return list(check(tree(stage, paths), None))


@test
def a_file_without_licence_is_named(stage):
    assert found(stage, source.licence, core__a_c='int a;\n', core__b_c=HEAD) == [
        'core/a.c:1: must begin with /* SPDX-License-Identifier: MIT */']


@test
def words_of_unfinished_work_are_named_with_their_line(stage):
    assert found(stage, source.words, a_md='fine\nTO' 'DO: more\n') == ['a.md:2: TO' 'DO']


@test
def a_path_of_one_machine_is_named(stage):
    assert found(stage, source.paths, a_md='see /roo' 't/notes\n') == ['a.md:1: /roo' 't/']


@test
def a_banned_function_counts_in_code_only(stage):
    text = HEAD + '/* strcpy(a, b) */\nconst char *s = "system(x)";\nint r = api->rand(1);\nvoid f(void) { strcpy(a, b); }\n'

    assert found(stage, source.banned, core__a_c=text) == ['core/a.c:5: strcpy(']


@test
def an_ed25519_signature_is_judged_by_one_function(stage):
    text = HEAD + 'int a = crypto_sign_verify_detached(s, m, n, k);\nint b = p->ed25519_verify(x, k, m, s);\n'

    assert len(found(stage, source.banned, clients__a_c=text)) == 2


@test
def jwt_h_outside_of_auth_is_named(stage):
    assert len(found(stage, source.banned, core__a_c=HEAD + '#include <jwt.h>\n')) == 1


@test
def the_core_may_not_name_a_module(stage):
    text = HEAD + '/* auth */\nint authority;\nconst char *a = "auth";\nconst char *b = "two files";\n'

    assert found(stage, source.layers, core__a_c=text) == ['core/a.c:4: auth']


@test
def a_module_may_not_include_the_core_or_another_module(stage):
    complaints = found(stage, source.layers, core__core_h=HEAD, modules__auth__auth_h=HEAD, sdk__s_h=HEAD,
                       modules__chat__chat_c=HEAD + '#include "core/core.h"\n#include "../auth/auth.h"\n'
                                                    '#include "sdk/s.h"\n')

    assert complaints == ['modules/chat/chat.c: must not include core/core.h',
                          'modules/chat/chat.c: must not include ../auth/auth.h']


@test
def a_function_that_is_too_long_is_named(stage):
    body = '    work();\n' * 100

    assert found(stage, source.length, core__a_c=f'{HEAD}void\nlong_one(void)\n{{\n{body}}}\n') == [
        'core/a.c:4: long_one has 102 lines']


@test
def a_broken_link_is_named(stage):
    assert found(stage, source.links, a_md='[b](b.md) [web](https://a.example) [here](#x)\n') == [
        'a.md: broken link b.md']


@test
def a_promise_without_its_test_is_named(stage):
    root = tree(stage, {'tests/unit/test_a.c': 'it_holds(void)\n', 'docs/acceptance.md':
                        '| what | by |\n| X | `unit/test_a` `it_holds`, `it_flies` |\n| Y | `scenario/b`; `make x` |\n'})

    assert list(source.acceptance(root, None)) == ['docs/acceptance.md:2: test_a.c has no test it_flies',
                                                   'docs/acceptance.md:3: there is no scenario/b']


@test
def a_binary_without_hardening_is_named(stage):
    (stage.folder / 'bin').mkdir()
    (stage.folder / 'modules').mkdir()
    subprocess.run(['gcc', '-no-pie', '-fno-stack-protector', '-Wl,-z,norelro', '-Wl,-z,execstack', '-Wl,-rpath,/x',
                    '-x', 'c', '-', '-o', stage.folder / 'bin' / 'bare'], input=b'int main(void) { return 0; }',
                   check=True, stderr=subprocess.DEVNULL)

    complaints = '\n'.join(binary.hardening(SOURCE, stage.folder))

    for what in ('full RELRO', 'not executable', 'RPATH', 'position independence', 'stack protector', 'FORTIFY'):
        assert what in complaints, (what, complaints)


@test
def a_module_with_a_second_symbol_or_a_writable_global_is_named(stage):
    (stage.folder / 'modules').mkdir()
    subprocess.run(['gcc', '-shared', '-fPIC', '-x', 'c', '-', '-o', stage.folder / 'modules' / 'a.so'],
                   input=b'static int n = 1; int more(void) { return n++; }\nint sotto_module_entry(void) { return 0; }',
                   check=True)

    assert list(binary.exports(SOURCE, stage.folder)) == ['modules/a.so: exports more sotto_module_entry']
    assert list(binary.writable_globals(SOURCE, stage.folder)) == ['modules/a.so: n is writable (.data)']


if __name__ == '__main__':
    main()
