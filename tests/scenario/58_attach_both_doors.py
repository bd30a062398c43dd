# SPDX-License-Identifier: MIT
# io_threads: default
"""Who a connection belongs to, and for how long, at the TCP and at the WebSocket door alike (W4)."""
import re

from load import FAST_LIMITS
from logins import Accounts, auth, refusal
from tap import main, test
from websocket import WebSocketDoor

UNAUTHENTICATED = 4401
OPEN = re.compile(r'sotto\.(echo|rig)\.|AuthService/(Register|Login|Refresh|Attach)')


def door_of(stage, server, kind):
    if kind == 'tcp':
        return stage.door(server)
    door = WebSocketDoor(stage.schema, server.ready['http'])
    stage.open_doors.append(door)
    return door


def at_both_doors(attach_timeout):
    """Runs the body twice: body(stage, accounts, open_door)."""
    def both(test_function):
        def run(stage):
            for kind in ('tcp', 'ws'):
                conf = FAST_LIMITS.replace('limits {', f'limits {{ attach_timeout = {attach_timeout}')
                server = stage.server(f'server-{kind}', conf=conf)
                with Accounts(stage, server) as accounts:
                    test_function(stage, accounts, lambda kind=kind, server=server: door_of(stage, server, kind))
        run.__name__ = test_function.__name__
        return run
    return both


def expect_end(door):
    """Goodbye 4401, and at a WebSocket a close frame with the same code."""
    assert door.wait_closed().code == UNAUTHENTICATED
    assert getattr(door, 'close_code', UNAUTHENTICATED) == UNAUTHENTICATED


@test
@at_both_doors('10s')
def before_attach_only_open_methods_answer(stage, _accounts, open_door):
    for method in sorted(stage.schema.methods):
        if not OPEN.search(method):
            door = open_door()
            code = refusal(door.call, method, raw=b'')[0]
            assert code in ('unauthenticated', 'unimplemented'), (method, code)
            door.close()


@test
@at_both_doors('1s')
def who_is_silent_is_sent_away(_stage, _accounts, open_door):
    expect_end(open_door())


@test
@at_both_doors('10s')
def a_second_attach_extends_for_the_same_device_and_ends_for_another(_stage, accounts, open_door):
    alice, bob = accounts.register('alice'), accounts.register('bob')
    door = open_door()
    auth(door, 'Attach', {'access_token': alice.access})

    alice.refresh(door=door)
    assert auth(door, 'Attach', {'access_token': alice.access}).device_id == alice.device
    assert auth(door, 'WhoAmI').name == 'alice'
    assert refusal(auth, door, 'Attach', {'access_token': bob.access})[0] == 'failed_precondition'
    expect_end(door)


@test
def a_connection_ends_with_its_token_or_its_login(stage):
    server = stage.server(conf=FAST_LIMITS, module_conf={'auth': 'access_lifetime = 10s\n'})
    with Accounts(stage, server) as accounts:
        alice = accounts.register('alice')
        phone = accounts.login('alice')
        doors = {}
        for login in (phone, alice):
            doors[login] = [door_of(stage, server, kind) for kind in ('tcp', 'ws')]
            login.refresh()  # ten seconds from here
            for door in doors[login]:
                auth(door, 'Attach', {'access_token': login.access})

        auth(alice.attached(), 'Revoke', {'login_id': phone.login_id})

        for door in doors[phone] + doors[alice]:  # the first at once, the others ten seconds after they were issued
            expect_end(door)
        for kind in ('tcp', 'ws'):
            late = door_of(stage, server, kind)
            assert refusal(auth, late, 'Attach', {'access_token': alice.access})[0] == 'unauthenticated'
            expect_end(late)


if __name__ == '__main__':
    main()
