# SPDX-License-Identifier: MIT
# io_threads: default
"""A member who breaks chats: a commit that the server takes and members refuse is reported, named, and survived."""
from broken import broken_group, row_of
from clients import at, people, person, start, texts
from groups import BAD_MEMBERSHIP, BAD_PATH, BAD_TAG, Groups, seat
from liar import Liar
from tables import wait_for
from tap import main, night, test

COMMIT = 2


def repaired(chat, *clients):
    """Lets devices listen until they are back in the chat."""
    ears = [client.spawn('listen') for client in clients]
    for client in clients:
        wait_for(lambda client=client: row_of(client, chat)['state'], 'ready')
    for ear in ears:
        ear.stop()


def reports_of(client, chat):
    return [{name: report[name] for name in ('from', 'reason', 'users', 'proved', 'epoch')}
            for report in client.run('reports', chat)]


def all_report(stage, how, reason):
    """What members of a group see of mallory's bad commit, each by itself and together."""
    server = start(stage)
    with Groups(stage, server) as groups:
        alice, bob, mallory, chat = broken_group(stage, groups, server, 'alice', 'bob', how=how)

        assert [row_of(client, chat)['state'] for client in (alice, bob)] == ['broken'] * 2
        refused, heard = [found for found in bob.run('read', chat) if found['kind'] in ('bad_commit', 'commit_reported')]
        assert [refused[name] for name in ('kind', 'from', 'from_id')] == ['bad_commit', 'mallory', mallory.user.hex()]
        assert [heard[name] for name in ('kind', 'from', 'users')] == ['commit_reported', 'alice', ['mallory']]
        assert reports_of(bob, chat) == [
            {'from': 'mallory', 'reason': reason, 'users': 2, 'proved': True, 'epoch': 1}]


@test
def a_false_confirmation_tag(stage):
    all_report(stage, BAD_TAG, 'confirmation_tag')


@test
def a_false_membership_tag(stage):
    all_report(stage, BAD_MEMBERSHIP, 'membership_tag')


@test
def secrets_that_lead_nowhere(stage):
    all_report(stage, BAD_PATH, 'path')


@test
def all_repair_themselves_and_who_goes_on_breaking_is_named(stage):
    server = start(stage)
    with Groups(stage, server) as groups:
        alice, bob, mallory, chat = broken_group(stage, groups, server, 'alice', 'bob',
                                                 how=night(BAD_TAG, BAD_PATH))
        assert 'sotto listen' in row_of(alice, chat)['cure'] and row_of(bob, chat)['state'] == 'broken'
        refused = alice.run('reports', chat)[0]['seq']
        repaired(chat, alice, bob)
        alice.run('send', chat, 'after')
        assert texts(bob.run('read', chat))[-1] == 'after'

        for entry in mallory.sync({bytes.fromhex(chat): refused}).entries:
            if entry.kind == COMMIT:
                mallory.ask('process', entry.message)
        mallory.commit_badly(bytes.fromhex(chat))

        row = row_of(alice, chat)
        assert row['state'] == 'broken' and 'sotto reset' in row['cure'], row
        assert [report['from'] for report in reports_of(alice, chat)] == ['mallory'] * 2
        alice.run('reset', chat, '--without', 'mallory', '--yes')
        bob.run('confirm', chat, '--yes')
        bob.run('send', 'Garden', 'in peace')
        assert texts(alice.run('read', 'Garden')) == ['in peace']


@test
def a_report_survives_a_kill_and_what_the_server_says_of_reports_proves_nothing(stage):
    server = start(stage)
    with Groups(stage, server) as groups, Liar(stage.schema, server.tcp) as liar:
        alice, bob, _, chat = broken_group(stage, groups, server, 'alice', 'bob')
        liar.frames('ChatService/ReportCommit', lambda frame: [])
        ear = at(alice, liar.address).spawn('listen')
        wait_for(lambda: len(liar.calls('ChatService/ReportCommit')), 1)
        ear.kill()
        liar.refuse('ChatService/ReportCommit', 'resource_exhausted', 'slow down')
        assert row_of(alice, chat)['state'] == 'broken'
        liar.honest()

        row_of(alice, chat)
        row_of(alice, chat)

        made = liar.calls('ChatService/ReportCommit')
        assert len(made) == 3  # the last one was answered, so not a fourth time
        assert len({(report.seq, report.epoch, report.reason) for report in made}) == 1

        def about_bob(reply, _):
            for report in reply.reports:
                report.commit['user_id'] = seat(bob).user
            return reply
        assert [report['proved'] for report in alice.run('reports', chat)] == [True]
        liar.answer('ChatService/ListReports', about_bob)
        assert [(report['from'], report['proved']) for report in alice.run('reports', chat)] == [('bob', False)]
        assert reports_of(bob, chat)[0]['users'] == 2


@test
def a_commit_that_its_sender_did_not_sign_is_held_against_nobody(stage):
    server = start(stage)
    with Liar(stage.schema, server.tcp) as liar:
        alice, bob = people(stage, server, 'alice', 'bob')
        chat = alice.run('new', 'bob', '--title', 'Garden')[0]['chat']
        bob.run('chats')
        alice.run('add', chat, person(stage, server, 'carol').name)

        def changed(reply, _):
            """One byte of the commit, far from its tags."""
            reply['entries'] = [{**entry, 'message': entry.message[:200] + bytes([entry.message[200] ^ 1]) +
                                 entry.message[201:]} if entry.kind == COMMIT else entry for entry in reply.entries]
            return reply

        liar.answer('ChatService/Sync', changed)
        assert row_of(at(bob, liar.address), chat)['state'] == 'broken'
        shown = bob.run('read', chat)

        assert 'undecryptable' in [found['kind'] for found in shown] and liar.calls('ChatService/ReportCommit') == []
        assert bob.run('reports', chat) == []


if __name__ == '__main__':
    main()
