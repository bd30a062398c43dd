# SPDX-License-Identifier: MIT
# io_threads: default
"""Every method with every way in which its request can be wrong (P3), from the schema, by somebody who may call it.

The requests are those of the access matrix (tests/access/table.py) with one thing changed. Whatever is refused is refused
with a code and leaves the database as it was; what no method may take is refused by each; and the server goes on.
"""
import sys

from content import changed, content
from door import RpcError
from load import FAST_LIMITS
from sotto import BUILD, MODULES, SOURCE
from tap import comment, main, test
from tokens import known_secret

sys.path.insert(0, str(SOURCE / 'tests' / 'access'))
from cast import Cast  # noqa: E402 # imports the table
from mutations import mutations  # noqa: E402
from table import ROWS  # noqa: E402

CALLER = 'owner'
# A request that was at fault is told so; internal, unknown and data_loss would be the server's.
TYPED = {'invalid_argument', 'not_found', 'permission_denied', 'already_exists', 'failed_precondition', 'aborted',
         'resource_exhausted', 'unauthenticated', 'unimplemented'}
MALFORMED = {'invalid_argument', 'resource_exhausted'}


def largest():
    """method -> bytes of its largest request."""
    lines = (BUILD / 'tests' / 'methods.txt').read_text(encoding='utf-8').splitlines()
    return {line.split()[0]: int(line.split()[2]) for line in lines}


def code_of(door, method, raw):
    try:
        door.call(method, raw=raw)
    except RpcError as error:
        return error.code
    return 'ok'


class Tester:
    def __init__(self, stage, cast):
        self.schema = stage.schema
        self.cast = cast
        self.before = content(cast.server)
        self.tried = 0

    def complaints(self, method, raw, refused):
        """What is wrong with the answer to one request."""
        code = code_of(self.cast.door(CALLER), method, raw)
        after = content(self.cast.server)
        self.tried += 1
        if code != 'ok' and code not in TYPED:
            yield f'{code} is no answer to a bad request'
        if refused and code not in MALFORMED:
            yield f'{code}, though no method may take it'
        if code != 'ok' and changed(self.before, after) and not ROWS[method].effect:
            yield f'{code}, and yet changed {changed(self.before, after)}'
        self.before = after
        if code == 'ok' and ROWS[method].fresh:
            self.cast.renew(ROWS[method].names, CALLER)
            self.before = content(self.cast.server)

    def method(self, method, max_bytes):
        row = ROWS[method]
        it = self.cast.named(row.names, 'own', CALLER)
        body = self.cast.fill(row.body, it, CALLER)
        self.before = content(self.cast.server)
        for what, raw, refused in mutations(self.schema, self.schema.methods[method][0], body, max_bytes):
            for complaint in self.complaints(method, raw, refused):
                yield f'{method}, {what}: {complaint}'


@test
def no_wrong_request_is_answered_otherwise_than_with_a_code_or_leaves_a_trace(stage):
    server = stage.server(conf=FAST_LIMITS, modules=[*MODULES, 'echo'], module_conf=known_secret(stage))
    with Cast(stage, server) as cast:
        tester = Tester(stage, cast)
        wrong = [line for method, most in largest().items() for line in tester.method(method, most)]
        assert not wrong, '\n'.join(wrong)
        cast.new_login('other_device')  # a logout of "all" ended this one, too
        cast.all_are_well()
        comment(f'{tester.tried} requests to {len(ROWS)} methods')
        assert tester.tried > 20 * len(ROWS)


if __name__ == '__main__':
    main()
