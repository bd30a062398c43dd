# SPDX-License-Identifier: MIT
"""The end of logins on the real server (J3) and the reuse of refresh tokens (J4).

Whatever ends a login, its tokens open nothing any more: on a new connection, on a live one, after kill -9, and while
the database is locked by somebody else.
"""
import sqlite3

from load import FAST_LIMITS
from logins import SERVICE, Accounts, auth, refusal
from tap import main, test
from under_test import patient


def assert_dead(login):
    door = login.accounts.door()
    assert refusal(auth, door, 'Attach', {'access_token': login.access})[0] == 'unauthenticated'
    assert door.wait_closed().code == 4401
    assert refusal(login.refresh)[0] == 'unauthenticated'


def start(stage):
    return stage.server(conf=FAST_LIMITS)


@test
def a_revoked_login_is_cut_off_where_it_stands(stage):
    server = start(stage)
    with Accounts(stage, server) as accounts:
        laptop = accounts.register('alice')
        phone = accounts.login('alice')
        mine, theirs = laptop.attached(), phone.attached()

        auth(mine, 'Revoke', {'login_id': phone.login_id})

        ended = mine.wait_event('sotto.auth.v1.LoginEnded')
        assert ended.login_id == phone.login_id and ended.why == 'revoked'
        assert theirs.wait_closed().code == 4401
        assert_dead(phone)
        assert auth(mine, 'WhoAmI').name == 'alice'


@test
def a_revocation_survives_a_kill(stage):
    server = start(stage)
    with Accounts(stage, server) as accounts:
        laptop = accounts.register('alice')
        phone = accounts.login('alice')
        auth(laptop.attached(), 'Revoke', {'access_token': phone.access})
        server.kill()
        server.start()

        assert_dead(phone)
        assert auth(laptop.attached(), 'WhoAmI').name == 'alice'


@test
def a_revocation_holds_while_the_database_is_locked(stage):
    server = start(stage)
    with Accounts(stage, server) as accounts:
        laptop = accounts.register('alice')
        phone = accounts.login('alice')
        auth(laptop.attached(), 'Revoke', {'login_id': phone.login_id})
        file, = server.data.glob('*.db')
        blocker = sqlite3.connect(file, timeout=patient(), isolation_level=None)
        blocker.execute('BEGIN EXCLUSIVE')

        door = accounts.door()
        assert refusal(auth, door, 'Attach', {'access_token': phone.access})[0] == 'unauthenticated'
        auth(accounts.door(), 'Attach', {'access_token': laptop.access})

        blocker.execute('ROLLBACK')
        blocker.close()


@test
def logout_ends_this_login_or_all_of_them(stage):
    server = start(stage)
    with Accounts(stage, server) as accounts:
        laptop = accounts.register('alice')
        phone, tablet = accounts.login('alice'), accounts.login('alice')
        live = tablet.attached()

        door = phone.attached()
        assert auth(door, 'Logout').ended == 1
        assert door.wait_closed().code == 4401
        assert_dead(phone)
        assert auth(laptop.attached(), 'Logout', {'all': True}).ended == 2
        assert live.wait_closed().code == 4401
        assert_dead(laptop)
        assert_dead(tablet)


@test
def a_used_refresh_token_that_comes_back_ends_the_login_and_the_user_is_told(stage):
    server = stage.server(conf=FAST_LIMITS, module_conf={'auth': 'refresh_race = 0s\n'})
    with Accounts(stage, server) as accounts:
        laptop = accounts.register('alice')
        phone = accounts.login('alice')
        used = laptop.refresh_token
        laptop.refresh()
        mine, told = laptop.attached(), phone.attached()

        assert refusal(laptop.refresh, used)[0] == 'unauthenticated'

        assert mine.wait_closed().code == 4401
        assert told.wait_event('sotto.auth.v1.LoginEnded').why == 'reused'
        assert_dead(laptop)
        phone.refresh()


@test
def fifty_racing_refreshes_of_one_device_get_one_successor(stage):
    server = stage.server(conf=FAST_LIMITS, module_conf={'auth': 'refresh_race = 1m\n'})
    with Accounts(stage, server) as accounts:
        alice = accounts.register('alice')
        doors = [accounts.door() for _ in range(10)]
        request = {'refresh_token': alice.refresh_token, 'device_id': alice.device}
        flying = [(door, door.start_call(SERVICE + 'Refresh', request)) for _ in range(5) for door in doors]
        replies = [door.wait_reply(number, SERVICE + 'Refresh') for door, number in flying]

        assert len({reply.refresh_token for reply in replies}) == 1
        assert len({reply.access_token for reply in replies}) == 50
        alice.keep(replies[0]).refresh()


@test
def the_sixth_login_ends_the_oldest(stage):
    server = start(stage)
    with Accounts(stage, server) as accounts:
        oldest = accounts.register('alice')
        live = oldest.attached()
        others = [accounts.login('alice') for _ in range(5)]

        assert live.wait_closed().code == 4401
        assert_dead(oldest)
        listed = auth(others[0].attached(), 'ListLogins').logins
        assert {login.login_id for login in listed} == {login.login_id for login in others}
        assert all(login.user_agent == 'scenario/1.0' and login.address == '127.0.0.1' for login in listed)


if __name__ == '__main__':
    main()
