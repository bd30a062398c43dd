# SPDX-License-Identifier: MIT
"""The frame of a scenario file: tests are functions named as sentences, results are TAP.

    from tap import main, skip, test

    @test
    def a_server_says_when_it_is_ready(stage):
        server = stage.server()
        ...

    if __name__ == '__main__':
        main()

Every test gets a Stage of its own (see sotto.py): a temporary folder and all processes started in it, which are
ended and checked when the test is over. Words on the command line select tests whose name contains one of them.
"""
import os
import sys
import traceback

TESTS = []


class Skip(Exception):
    """This test cannot run here; the text says why."""


def skip(why):
    raise Skip(why)


def night(short, full):
    """The size of a test: `short` in every run, `full` in `make night`."""
    return full if os.environ.get('SOTTO_NIGHT') == '1' else short


def test(function):
    TESTS.append(function)
    return function


def test_over(*schemes):
    """A test for each scheme of a server's URL (Stage.scheme); those after the first have it in their name."""
    def add(function):
        for scheme in schemes:
            def run(stage, scheme=scheme):
                stage.scheme = scheme
                function(stage)
            run.__name__ = function.__name__ + (f'_over_{scheme}' if scheme != schemes[0] else '')
            test(run)
        return function
    return add


def comment(text):
    for line in text.rstrip().splitlines():
        print(f'# {line}')


def run_one(number, function, make_stage):
    name = function.__name__
    stage = make_stage(name)
    failure = None
    try:
        function(stage)
    except Skip as reason:
        stage.close()
        print(f'ok {number} - {name} # SKIP {reason}')
        return True
    except Exception:  # pylint: disable=broad-except # whatever it is, it is this test's failure
        failure = traceback.format_exc()
    try:
        stage.close()
    except Exception:  # pylint: disable=broad-except
        failure = failure or traceback.format_exc()
    if failure:
        print(f'not ok {number} - {name}')
        comment(failure)
        comment(stage.story())
    else:
        print(f'ok {number} - {name}')
    sys.stdout.flush()
    return failure is None


def main():
    from sotto import Stage  # pylint: disable=import-outside-toplevel # sotto.py imports this file
    words = sys.argv[1:]
    chosen = [t for t in TESTS if not words or any(word in t.__name__ for word in words)]
    print(f'1..{len(chosen)}')
    good = [run_one(number, function, Stage) for number, function in enumerate(chosen, start=1)]
    sys.exit(0 if all(good) else 1)
