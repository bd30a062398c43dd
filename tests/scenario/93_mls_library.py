# SPDX-License-Identifier: MIT
# io_threads: default
# timeout: 600
"""crypto/mls as a stranger gets it: installed from this build or built from its folder alone, found by CMake and by
pkg-config, the example of its README run against it, and nothing asked of libc but memory, strings and assert."""
import os
import re
import shutil
import subprocess

from sotto import BUILD, SOURCE
from tap import main, test

MLS = SOURCE / 'crypto' / 'mls'
STORY = ['ada: hello, Ben', 'ben: hello, Ada']
LIBC = {'memcmp', 'memcpy', 'memmove', 'memset', 'strlen', '__assert_fail'}
LINKER = {'_GLOBAL_OFFSET_TABLE_'}


def run(*command, cwd=None, env=None):
    result = subprocess.run([str(part) for part in command], cwd=cwd, env=env, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, check=False)
    assert result.returncode == 0, f'{" ".join(map(str, command))}:\n{result.stdout[-4000:]}'
    return result.stdout


def instrumented():
    """Flags for what links an archive of this build, which may be made with sanitizers or counters."""
    flags = []
    for line in (BUILD / 'CMakeCache.txt').read_text(encoding='utf-8').splitlines():
        name, _, value = line.partition('=')
        if name.startswith('SOTTO_SANITIZE:') and value:
            flags.append(f'-fsanitize={value}')
        if name.startswith('SOTTO_COVERAGE:') and value == 'ON':
            flags.append('--coverage')
    return flags


def install_component(stage):
    run('cmake', '--install', BUILD, '--component', 'mls', '--prefix', stage.folder / 'mls')
    return stage.folder / 'mls'


def build_alone(stage):
    """A copy of the folder, far from the rest of the house, built as a project of its own."""
    copy = stage.folder / 'copy'
    shutil.copytree(MLS, copy)
    run('cmake', '-G', 'Ninja', '-S', copy, '-B', copy / 'build', '-DCMAKE_BUILD_TYPE=Release')
    run('cmake', '--build', copy / 'build')
    run('cmake', '--install', copy / 'build', '--prefix', stage.folder / 'mls')
    return stage.folder / 'mls'


def by_cmake(stage, prefix, flags):
    copy = stage.folder / 'example'
    shutil.copytree(MLS / 'examples', copy)
    run('cmake', '-G', 'Ninja', '-S', copy, '-B', copy / 'build', f'-DCMAKE_PREFIX_PATH={prefix}',
        f'-DCMAKE_C_FLAGS={" ".join(flags)}')
    run('cmake', '--build', copy / 'build')
    return copy / 'build' / 'two_members'


def by_pkg_config(stage, prefix, flags):
    env = dict(os.environ, PKG_CONFIG_PATH=str(prefix / 'lib' / 'pkgconfig'))
    found = run('pkg-config', '--cflags', '--libs', 'sotto-mls', env=env).split()
    binary = stage.folder / 'two_members'
    run('cc', '-std=c11', *flags, '-o', binary, MLS / 'examples' / 'two_members.c', *found)
    return binary


def use_from_cpp(stage, prefix):
    """Every header compiles as C++, and what it declares has the name that the archive has."""
    source, names = stage.folder / 'use.cc', {}
    for header in sorted((prefix / 'include' / 'mls').glob('*.h')):
        names[header.name] = re.findall(r'^(?!static)[a-z].*?\b(mls_\w+)\(', header.read_text(encoding='utf-8'), re.M)
    pointers = [name for found in names.values() for name in found]
    source.write_text(''.join(f'#include <mls/{header}>\n' for header in names) +
                      f'extern void *const used[];\nvoid *const used[] = {{{", ".join(f"(void *){n}" for n in pointers)}}};\n',
                      encoding='utf-8')
    run('clang-14', '-std=c++17', '-Wall', '-Wextra', '-Werror', '-pedantic', f'-I{prefix / "include"}', '-c', source, '-o',
        stage.folder / 'use.o')
    assert len(pointers) > 60
    assert set(pointers) <= undefined_symbols(stage.folder / 'use.o')[''], 'a header cannot be used from C++'


def undefined_symbols(archive):
    """By member of the archive: what it uses and nobody in the archive has."""
    used, defined, member = {}, set(), ''
    for line in run('nm', archive).splitlines():
        if line.endswith('.o:'):
            member = line[:-1]
        elif line.split()[:-1] and line.split()[-2] == 'U':
            used.setdefault(member, set()).add(line.split()[-1])
        elif line:
            defined.add(line.split()[-1])
    return {member: names - defined for member, names in used.items()}


@test
def an_installed_component_is_found_by_cmake_and_pkg_config(stage):
    prefix = install_component(stage)

    use_from_cpp(stage, prefix)
    for build in (by_cmake, by_pkg_config):
        assert run(build(stage, prefix, instrumented())).splitlines() == STORY


@test
def the_folder_alone_builds_installs_and_is_used(stage):
    prefix = build_alone(stage)

    for build in (by_cmake, by_pkg_config):
        assert run(build(stage, prefix, [])).splitlines() == STORY
    # The default table of primitives may ask for more: that is what it is for. Some a compiler expands in place.
    symbols = undefined_symbols(prefix / 'lib' / 'libsotto_mls.a')
    asked = set().union(*(names for member, names in symbols.items() if not member.startswith('provider_'))) - LINKER
    assert {'memcpy'} <= asked <= LIBC, sorted(asked - LIBC)


@test
def without_the_default_table_no_cryptographic_library_is_needed(stage):
    build = stage.folder / 'bare'

    run('cmake', '-G', 'Ninja', '-S', MLS, '-B', build, '-DMLS_DEFAULT_PROVIDER=OFF')

    for name in ('sotto-mls.pc', 'build.ninja'):
        text = (build / name).read_text(encoding='utf-8')
        assert 'sodium' not in text and 'crypto.so' not in text and 'provider_default' not in text, name


if __name__ == '__main__':
    main()
