# SPDX-License-Identifier: MIT
# io_threads: default
"""tests/run itself: it must not take silence, a crash or a hang for success."""
import os
import signal
import subprocess
import sys

from sotto import SOURCE, Stage
from tap import main, test


def arrange(stage, seconds=20, sanitizer='', **programs):
    """A build whose unit tests are these shell scripts; returns the command that runs them."""
    folder = stage.folder / 'build' / 'tests'
    folder.mkdir(parents=True)
    (stage.folder / 'build' / 'CMakeCache.txt').write_text(f'SOTTO_SANITIZE:STRING={sanitizer}\n')
    rows = []
    for name, script in programs.items():
        (folder / name).write_text(f'#!/bin/sh\n{script}\n')
        (folder / name).chmod(0o755)
        rows.append(f'{name} {seconds}')
    (folder / 'manifest.txt').write_text('\n'.join(rows) + '\n')
    return [sys.executable, SOURCE / 'tests' / 'run', '--build', stage.folder / 'build', '--kind', 'unit']


def variables(**more):
    """The environment without what makes a run of this file a longer one."""
    return {name: value for name, value in os.environ.items() if name not in ('SOTTO_NIGHT', 'SOTTO_VALGRIND')} | more


def run_programs(stage, env=None, **build):
    """Runs shell scripts as if they were unit tests; returns (exit code, last line, all output)."""
    result = subprocess.run(arrange(stage, **build), capture_output=True, text=True, check=False,
                            env=variables(**(env or {})))
    return result.returncode, result.stdout.splitlines()[-1], result.stdout


@test
def results_of_all_programs_are_added_up(stage):
    code, last, _ = run_programs(stage, one='printf "1..2\\nok 1 - a\\nok 2 - b # SKIP why\\n"',
                                 two='printf "1..1\\nok 1 - c\\n"')

    assert (code, last) == (0, '2 passed, 0 failed, 1 skipped')


@test
def a_skip_as_cmocka_writes_it_is_no_failure(stage):
    code, last, _ = run_programs(stage, one='printf "1..2\\nok 1 - a\\nnot ok 2 # SKIP b\\n"')

    assert (code, last) == (0, '1 passed, 0 failed, 1 skipped')


@test
def a_failed_test_shows_its_output(stage):
    code, last, output = run_programs(stage, one='printf "1..1\\nnot ok 1 - a\\n# because\\n"; exit 1')

    assert (code, last) == (1, '0 passed, 1 failed, 0 skipped')
    assert '# because' in output


@test
def a_crash_is_a_failure_even_after_good_tests(stage):
    code, last, output = run_programs(stage, one='printf "1..1\\nok 1 - a\\n"; kill -SEGV $$')

    assert (code, last) == (1, '1 passed, 1 failed, 0 skipped')
    assert 'SIGSEGV' in output


@test
def a_bad_exit_code_without_a_failed_test_is_a_failure(stage):
    code, last, _ = run_programs(stage, one='printf "1..1\\nok 1 - a\\n"; exit 3')

    assert (code, last) == (1, '1 passed, 1 failed, 0 skipped')


@test
def a_report_of_a_sanitizer_is_a_failure_wherever_it_stands(stage):
    good = 'printf "1..1\\nok 1 - a\\n"'
    code, last, output = run_programs(
        stage, seconds=20, one=f'{good}; echo "==12==ERROR: AddressSanitizer: heap-use-after-free"',
        two=f'{good}; echo "a.c:7:1: runtime error: load of null pointer" >&2',
        three=f'{good}; echo "WARNING: ThreadSanitizer: data race" > "$TMPDIR/report.34"', four=good)

    assert (code, last) == (1, '4 passed, 3 failed, 0 skipped'), output


@test
def a_test_whose_program_made_a_report_fails(stage):
    for number, report in enumerate(('==12==ERROR: AddressSanitizer: heap-use-after-free',
                                     '==12== Invalid read of size 8', 'a.c:7:1: runtime error: division by zero',
                                     '==12==ERROR: LeakSanitizer: detected memory leaks')):
        inner = Stage(f'inner {number}')
        inner.process(['sh', '-c', f'echo "{report}" >&2'], inner.folder / 'stderr').wait()
        try:
            inner.close()
        except AssertionError as problem:
            assert report in str(problem)
        else:
            raise AssertionError(f'nobody noticed: {report}')


@test
def silence_is_a_failure(stage):
    code, last, _ = run_programs(stage, one='true')

    assert (code, last) == (1, '0 passed, 1 failed, 0 skipped')


@test
def fewer_tests_than_promised_are_a_failure(stage):
    code, last, _ = run_programs(stage, one='printf "1..3\\nok 1 - a\\n"')

    assert (code, last) == (1, '1 passed, 1 failed, 0 skipped')


@test
def a_program_that_hangs_is_ended_and_is_a_failure(stage):
    code, last, output = run_programs(stage, seconds=1, one='exec tail -f /dev/null')

    assert (code, last) == (1, '0 passed, 1 failed, 0 skipped')
    assert 'took longer than 1 s' in output


@test
def a_program_with_a_sanitizer_has_more_time(stage):
    code, last, output = run_programs(stage, seconds=1, sanitizer='thread',
                                      one='printf "1..1\\nok 1 - a\\n"; exec tail -f /dev/null')

    assert (code, last) == (1, '1 passed, 1 failed, 0 skipped'), output
    assert 'took longer than 4 s' in output


@test
def a_program_has_more_time_in_the_long_form(stage):
    code, last, output = run_programs(stage, seconds=1, env={'SOTTO_NIGHT': '1'},
                                      one='sleep 1.2; printf "1..1\\nok 1 - a\\n"')

    assert (code, last) == (0, '1 passed, 0 failed, 0 skipped'), output


@test
def what_failed_is_named_once_more_in_the_end(stage):
    _, _, output = run_programs(stage, env={'SOTTO_JOBS': '1'}, one='printf "1..1\\nnot ok 1 - a\\n"; exit 1',
                                two='printf "1..1\\nok 1 - b\\n"')

    assert output.splitlines()[-2] == '>>> unit/one: a', output


@test
def an_interrupt_ends_what_runs_and_tells_what_was_found(stage):
    is_up = stage.folder / 'is_up'
    os.mkfifo(is_up)
    command = arrange(stage, seconds=100, one='printf "1..1\\nok 1 - a\\n"',
                      two=f'echo $$ > {is_up}; exec tail -f /dev/null', three=f'echo $$ > {is_up}; exec tail -f /dev/null')
    runner = stage.process(command, stage.folder / 'stderr', env=variables(SOTTO_JOBS='1'))
    hanging = int(is_up.read_text(encoding='ascii'))

    runner.child.send_signal(signal.SIGINT)

    assert runner.wait() == 1
    assert not os.path.exists(f'/proc/{hanging}')
    assert runner.lines[-2:] == ['FAIL interrupted: 2 programs have not run to their end', '1 passed, 1 failed, 0 skipped']


@test
def a_program_that_was_not_built_is_a_failure(stage):
    folder = stage.folder / 'build' / 'tests'
    code, last, _ = run_programs(stage, one=f'rm -f {folder}/two; printf "1..1\\nok 1 - a\\n"', two='true',
                                 env={'SOTTO_JOBS': '1'})

    assert (code, last) == (1, '1 passed, 1 failed, 0 skipped')


@test
def missing_vectors_are_a_failure_where_they_are_required(stage):
    code, last, _ = run_programs(stage, one='printf "1..1\\nok 1 - a\\n"',
                                 env={'SOTTO_REQUIRE_VECTORS': '1', 'SOTTO_VECTORS': str(stage.folder / 'no')})

    assert (code, last) == (1, '1 passed, 1 failed, 0 skipped')


if __name__ == '__main__':
    main()
