# SPDX-License-Identifier: MIT
"""Checks that a compiler does: layout, self-contained public headers in C and C++, clang-tidy."""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shutil
import subprocess

from . import source

# What gcc knows and clang 14 does not, or what would only make a lint slower.
GCC_ONLY = ('-Wlogical-op', '-Wduplicated-cond', '-Walloca', '-ftrivial-auto-var-init=zero', '-Werror')
TIDY_SECONDS = 900
PUBLIC_HEADERS = ('sdk/include', 'sdk/testing/include', 'crypto/*/include', 'clients/lib/include')


def tool(*names):
    return next((found for found in map(shutil.which, names) if found), None)


def layout(root, _build):
    clang_format = tool('clang-format-14', 'clang-format')
    if not clang_format:
        yield 'clang-format is missing; run scripts/bootstrap check'
        return
    files = [str(path) for path in source.code_files(root)]
    if not files:
        return
    result = subprocess.run([clang_format, '--dry-run', *files], capture_output=True, text=True, check=False)
    seen = set()
    for line in result.stderr.splitlines():
        if 'clang-format-violations' in line:
            place = line.split(': ')[0].replace(f'{root}/', '')
            name = place.split(':')[0]
            if name not in seen:
                seen.add(name)
                yield f'{place}: not laid out as .clang-format says (make format)'


def package_flags():
    packages = ('libprotobuf-c', 'libsodium', 'sqlite3')
    found = subprocess.run(['pkg-config', '--cflags', *packages], capture_output=True, text=True, check=False)
    return found.stdout.split()


def compile_alone(root, folder, header, folders, compiler):
    """Compiles a file that includes nothing but the header; returns what the compiler said."""
    include = header.relative_to(folder)
    text = f'#include "{include}"\n#include "{include}"\nint check_anchor(void);\n'
    command = [*compiler, '-fsyntax-only', '-Wall', '-Wextra', '-Werror', *package_flags(),
               *(f'-I{other}' for other in folders), '-']
    result = subprocess.run(command, input=text, capture_output=True, text=True, check=False, cwd=root)
    return result.stderr


def headers(root, _build):
    folders = [path for pattern in PUBLIC_HEADERS for path in sorted(root.glob(pattern))]
    compilers = {'C': ['gcc', '-std=c11', '-x', 'c'], 'C++': ['g++', '-std=c++17', '-x', 'c++']}
    for folder in folders:
        for header in sorted(folder.rglob('*.h')):
            for language, compiler in compilers.items():
                said = compile_alone(root, folder, header, folders, compiler)
                if said:
                    line = next(line for line in said.splitlines() if 'error' in line)
                    yield f'{header.relative_to(root)}: does not stand alone in {language}: {line}'


def tidy_commands(root, build):
    """Writes a compile_commands.json for clang without gcc's own flags; returns (its folder, source files)."""
    folder = build / 'check'
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for entry in json.loads((build / 'compile_commands.json').read_text(encoding='utf-8')):
        path = pathlib.Path(entry['file'])
        inside = path.is_relative_to(root) and not path.is_relative_to(build)
        if inside and path.relative_to(root).parts[0] != 'tests':
            words = [word for word in entry['command'].split() if word not in GCC_ONLY]
            entries.append({**entry, 'command': ' '.join(words)})
    (folder / 'compile_commands.json').write_text(json.dumps(entries), encoding='utf-8')
    return folder, sorted({entry['file'] for entry in entries})


def tidy_one(root, clang_tidy, folder, file):
    result = subprocess.run([clang_tidy, '-p', str(folder), '--quiet', file], cwd=root, capture_output=True,
                            text=True, check=False, timeout=TIDY_SECONDS)
    found = [line for line in result.stdout.splitlines() if ' error: ' in line or ' warning: ' in line]
    if result.returncode != 0 and not found:
        found = [f'{file}: clang-tidy failed: {result.stderr.strip()[-300:]}']
    return [line.replace(f'{root}/', '') for line in found]


def tidy(root, build):
    """clang-tidy over everything but tests. A file that was clean is looked at again when it or any header changes."""
    clang_tidy = tool('clang-tidy-14', 'clang-tidy')
    if not clang_tidy:
        yield 'clang-tidy is missing; run scripts/bootstrap check'
        return
    folder, files = tidy_commands(root, build)
    shared = hashlib.sha256((root / '.clang-tidy').read_bytes())
    for path in source.tracked(root, '*.h', '*.proto'):
        shared.update(path.read_bytes())
    stale = {}
    for file in files:
        key = shared.copy()
        key.update(file.encode() + pathlib.Path(file).read_bytes())
        stamp = folder / key.hexdigest()
        if not stamp.exists():
            stale[file] = stamp
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        jobs = {pool.submit(tidy_one, root, clang_tidy, folder, file): stamp for file, stamp in stale.items()}
        seen = set()
        for job in concurrent.futures.as_completed(jobs):
            found = job.result()
            if not found:
                jobs[job].touch()
            for line in found:
                if line not in seen:
                    seen.add(line)
                    yield line
