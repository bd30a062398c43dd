# SPDX-License-Identifier: MIT
"""Checks of what was built: schemas, compiler flags, hardening of the binaries, exported symbols, globals."""
import filecmp
import json
import pathlib
import re
import subprocess
import sys
import tempfile

# Every object of ours is compiled with these (the probes in cmake/SottoFlags.cmake may drop those for x86 only).
REQUIRED_FLAGS = ('-fstack-protector-strong', '-ftrivial-auto-var-init=zero', '-D_FORTIFY_SOURCE=3', '-Wall',
                  '-Wextra', '-Werror', '-fstack-clash-protection', '-fcf-protection', '-fvisibility=hidden')
X86_FLAGS = ('-fcf-protection',)


def output_of(*command):
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


def programs(build):
    return sorted(path for path in (build / 'bin').glob('*') if path.is_file())


def modules(build):
    return sorted((build / 'modules').glob('*.so'))


def schemas(root, build):
    """Every .proto but the broken ones made for tests keeps the rules that sotto-rpc-gen knows."""
    for path in sorted(build.glob('proto/*/*.desc')):
        result = subprocess.run([sys.executable, root / 'sdk/tools/sotto-rpc-gen', '--lint', path],
                                capture_output=True, text=True, check=False)
        yield from (line for line in result.stderr.splitlines() if not line.startswith('tests/'))


def conf(root, build):
    """conf/ is what the server makes of its own and its modules' tables (make conf)."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([build / 'bin/sottod', '-c', root / 'conf/sotto.conf', '--data', f'{folder}/data',
                        '--config-doc', f'{folder}/conf'], check=True, capture_output=True)
        made = pathlib.Path(folder) / 'conf'
        names = sorted(str(path.relative_to(made)) for path in made.rglob('*.conf'))
        _, different, missing = filecmp.cmpfiles(made, root / 'conf', names, shallow=False)
        for name in different + missing:
            yield f'conf/{name}: not what the tables say (make conf)'


def sdk_docs(root, _build):
    """docs/sdk/ is what the comments of the SDK's headers make (make conf)."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([root / 'scripts/sdk-docs', folder], check=True)
        names = sorted(path.name for path in pathlib.Path(folder).glob('*.md'))
        _, different, missing = filecmp.cmpfiles(folder, root / 'docs/sdk', names, shallow=False)
        for name in different + missing:
            yield f'docs/sdk/{name}: not what the headers say (make conf)'


def compile_commands(build):
    """(source file, command words) of our own sources: generated code has flags of its own."""
    commands = json.loads((build / 'compile_commands.json').read_text(encoding='utf-8'))
    for entry in commands:
        if not entry['file'].endswith('.pb-c.c'):
            yield entry['file'], entry['command'].split()


def flags(root, build):
    x86 = output_of('uname', '-m').strip() == 'x86_64'
    for file, words in compile_commands(build):
        missing = [flag for flag in REQUIRED_FLAGS
                   if flag not in words and (x86 or flag not in X86_FLAGS)]
        name = file.replace(f'{root}/', '')
        if '-fPIC' not in words and '-fPIE' not in words:
            missing.append('-fPIC or -fPIE')
        if missing:
            yield f'{name}: compiled without {" ".join(missing)}'
        if any(word.startswith('-DNDEBUG') for word in words):
            yield f'{name}: compiled with NDEBUG; asserts stay in'


def hardening(_root, build):
    for path in programs(build) + modules(build):
        dynamic = output_of('readelf', '-dW', str(path))
        segments = output_of('readelf', '-lW', str(path))
        symbols = output_of('nm', '-D', str(path))
        wanted = {
            'full RELRO': 'GNU_RELRO' in segments and re.search(r'FLAGS.*\bNOW\b', dynamic),
            'a stack that is not executable': re.search(r'GNU_STACK.* RW ', segments),
            'no RPATH': not re.search(r'\((RPATH|RUNPATH)\)', dynamic),
            'position independence': 'Elf file type is DYN' in segments,
        }
        if path in programs(build):
            wanted['the PIE mark'] = re.search(r'FLAGS_1.*PIE', dynamic)
            wanted['stack protector'] = '__stack_chk_fail' in symbols
            wanted['FORTIFY_SOURCE'] = re.search(r'__\w+_chk\b', symbols.replace('__stack_chk_fail', ''))
        for what, there in wanted.items():
            if not there:
                yield f'{path.relative_to(build)}: lacks {what}'


def exported(path):
    """Names of the symbols that a binary defines for others. (Names with @ come from libraries.)"""
    lines = output_of('nm', '-D', '--defined-only', str(path)).splitlines()
    return [line.split()[-1] for line in lines if '@' not in line.split()[-1]]


def exports(_root, build):
    for path in modules(build):
        names = exported(path)
        if names != ['sotto_module_entry']:
            yield f'{path.relative_to(build)}: exports {" ".join(names) or "nothing"}'
    for path in programs(build):
        names = exported(path)
        if names:
            yield f'{path.relative_to(build)}: exports {" ".join(names)}'


def writable_globals(_root, build):
    """Objects of a module in .data or .bss: state that two instances would share."""
    for path in modules(build):
        sections = dict(re.findall(r'\[\s*(\d+)\]\s+(\S+)', output_of('readelf', '-SW', str(path))))
        for line in output_of('readelf', '-sW', str(path)).splitlines():
            words = line.split()
            if len(words) < 8 or words[3] != 'OBJECT':
                continue
            section = sections.get(words[6], '')
            if section in ('.data', '.bss') and not re.match(r'completed\.|__dso_handle|__TMC_END__', words[7]):
                yield f'{path.relative_to(build)}: {words[7]} is writable ({section})'
