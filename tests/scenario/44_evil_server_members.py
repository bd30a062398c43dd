# SPDX-License-Identifier: MIT
# io_threads: default
"""A member who lies, alone or together with the server: proposals for others, a leaving that nobody can check (E2).

Nobody goes by the word of another member, and nobody who goes can stop those who stay.
"""
from clients import at, people, start, texts
from groups import CHAT, Groups, seat
from liar import Liar
from tap import main, test

PROPOSAL, COMMIT = 3, 2


def row_of(client, chat):
    return next(row for row in client.run('chats') if row['chat'] == chat.hex())


def flipped(message):
    """The same proposal with another tag: the server cannot see it, members do."""
    return message[:-1] + bytes([message[-1] ^ 1])


@test
def what_a_member_proposes_for_others_changes_nothing(stage):
    server = start(stage)
    with Groups(stage, server) as groups, Liar(stage.schema, server.tcp) as liar:
        alice, bob = people(stage, server, 'alice', 'bob')
        mallory = groups.person('mallory')
        chat = mallory.create([seat(alice), seat(bob)])
        assert set(row_of(alice, chat)['members']) == {'alice', 'bob', 'mallory'}
        at(alice, liar.address)
        forged = [mallory.ask('propose', seat(one).user)[0] for one in (alice, bob)]

        def told(reply, _):
            """The server's part: it takes the proposals for leavings of those they name."""
            reply['entries'] = [{'chat_id': chat, 'seq': seq, 'kind': PROPOSAL, 'epoch': 1, 'message': message,
                                 'sender_user': mallory.user, 'sender_device': mallory.login.device, 'ts_ms': 1}
                                for seq, message in enumerate(forged, start=2)]
            return reply

        liar.answer('ChatService/Sync', told)
        shown = alice.run('read', chat.hex())
        row = row_of(alice, chat)

        assert [message['kind'] for message in shown] == ['undecryptable'] * 2, shown
        assert row['state'] == 'ready' and set(row['members']) == {'alice', 'bob', 'mallory'}, row
        liar.honest()
        alice.fails(1, 'add', chat.hex(), 'nobody')  # anything that would first commit what waits
        assert liar.calls('ChatService/Commit') == []


@test
def a_leaving_that_the_leaver_did_not_sign_removes_nobody(stage):
    """The server cannot forge a signature; tags are a member's affair, see below."""
    server = start(stage)
    with Groups(stage, server) as groups, Liar(stage.schema, server.tcp) as liar:
        alice, bob = people(stage, server, 'alice', 'bob')
        carol = groups.person('carol')
        chat = carol.create([seat(alice), seat(bob)])
        assert set(row_of(alice, chat)['members']) == {'alice', 'bob', 'carol'}
        at(alice, liar.address)
        proposal = bytearray(carol.ask('propose', carol.user)[0])
        proposal[-40] ^= 1  # behind it are the rest of the signature, a length and the tag of 32 bytes
        made_up = {'chat_id': chat, 'seq': 2, 'kind': PROPOSAL, 'epoch': 1, 'message': bytes(proposal),
                   'sender_user': carol.user, 'sender_device': carol.login.device, 'ts_ms': 1}

        liar.answer('ChatService/Sync', lambda reply, _: {**reply, 'entries': [made_up]})
        shown = alice.run('read', chat.hex())
        liar.honest()
        alice.fails(1, 'add', chat.hex(), 'nobody')

        assert [message['kind'] for message in shown] == ['undecryptable'], shown
        assert liar.calls('ChatService/Commit') == []
        assert set(row_of(alice, chat)['members']) == {'alice', 'bob', 'carol'}


def commit_of(door, user):
    """Waits until a commit of this user is pushed."""
    event = door.wait_event('sotto.chat.v1.EntryEvent', lambda event: any(
        entry.kind == COMMIT and entry.sender_user == user for entry in event.entries))
    return next(entry for entry in event.entries if entry.kind == COMMIT)


def leaving(stage, change):
    """Of three, one leaves by a proposal that is changed(proposal); another one only listens. Gives what the
    third one, and a client that comes later, see of it."""
    server = start(stage)
    with Groups(stage, server) as groups:
        alice, bob = people(stage, server, 'alice', 'bob')
        witness, leaver = groups.person('witness'), groups.person('leaver')
        chat = witness.create([leaver, seat(alice), seat(bob)])
        witness.sync({chat: 1}, live=True)
        bob.run('chats')
        ear = alice.spawn('listen')
        ear.wait_line(lambda line: '"joined"' in line)

        leaver.chat('Leave', {'chat_id': chat, 'proposals': [change(leaver.ask('propose', leaver.user)[0])]})
        entry = commit_of(witness.door, seat(alice).user)

        assert row_of(alice, chat)['epoch'] == entry.epoch + 1
        bob.run('send', chat.hex(), 'on we go')
        ear.wait_line(lambda line: 'on we go' in line)
        assert set(row_of(bob, chat)['members']) == {'alice', 'bob', 'witness'}
        return alice.run('read', chat.hex())


@test
def who_only_listens_commits_a_leaving(stage):
    shown = leaving(stage, lambda proposal: proposal)
    assert [message['kind'] for message in shown] == ['member_left', 'text'], shown
    assert (shown[0]['from'], texts(shown)) == ('leaver', ['on we go'])


@test
def a_leaving_that_nobody_can_check_stops_no_chat(stage):
    shown = leaving(stage, flipped)
    assert [message['kind'] for message in shown] == ['undecryptable', 'member_removed', 'text'], shown
    assert (shown[1]['from'], shown[1]['users']) == ('alice', ['leaver'])


if __name__ == '__main__':
    main()
