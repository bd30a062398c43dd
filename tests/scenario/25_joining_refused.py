# SPDX-License-Identifier: MIT
# io_threads: default
"""A server that shows a device a group to join that is not the chat's: the device stays out and says why."""
import contextlib
import shutil

from clients import at, device_of, people, start, texts
from liar import Liar
from tap import main, test


@contextlib.contextmanager
def through_a_liar(stage, server, client):
    with Liar(stage.schema, server.tcp) as liar:
        yield at(client, liar.address), liar
    at(client, server.tcp)


def flipped(data, place):
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1:]


@test
def a_group_that_is_forged_or_of_another_chat_is_not_joined(stage):
    server = start(stage)
    alice, bob = people(stage, server, 'alice', 'bob')
    chat, other = (alice.run('new', 'bob', '--title', title)[0]['chat'] for title in ('Garden', 'Kitchen'))
    phone = device_of(stage, server, 'alice', 'phone')
    shown = {}

    def keep(reply, request):
        shown[request.chat_id.hex()] = {'group_info': reply.group_info, 'ratchet_tree': reply.ratchet_tree}
        return {**reply, 'group_info': b''}

    with through_a_liar(stage, server, phone) as (phone, liar):
        liar.answer('ChatService/GetGroup', keep)
        phone.fails(1, 'send', chat, 'who is there?')
        honest = shown[chat]
        lies = [shown[other],
                {**honest, 'ratchet_tree': shown[other]['ratchet_tree']},
                {**honest, 'ratchet_tree': b''},
                {**honest, 'ratchet_tree': honest['ratchet_tree'][:-7]}]
        for part in ('group_info', 'ratchet_tree'):
            size = len(honest[part])
            lies += [{**honest, part: flipped(honest[part], place)} for place in (9, size // 3, size // 2, size - 5)]
        for lie in lies:
            liar.answer('ChatService/GetGroup', lambda reply, asked, lie=lie: {
                **reply, **(lie if asked.chat_id.hex() == chat else {'group_info': b''})})
            refusal = phone.fails(1, 'send', chat, 'who is there?')
            assert 'could not join' in refusal['message'], refusal
            assert [row['state'] for row in phone.run('chats')] == ['waiting', 'waiting']
        assert '(' in phone.run('chats')[0]['cure'], phone.run('chats')
        assert liar.calls('ChatService/Send') == [] and liar.calls('ChatService/Commit') == []

        liar.honest()
        phone.run('send', chat, 'here I am')
    assert texts(bob.run('read', chat)) == ['here I am']


@test
def a_group_from_before_what_the_device_knew_is_not_joined(stage):
    server = start(stage)
    alice, bob, _ = people(stage, server, 'alice', 'bob', 'carol')
    chat = alice.run('new', 'bob', '--title', 'Garden')[0]['chat']
    phone = device_of(stage, server, 'alice', 'phone')
    early = {}

    def keep(reply, _):
        early.update(reply)
        return reply

    with through_a_liar(stage, server, phone) as (phone, liar):
        liar.answer('ChatService/GetGroup', keep)
        phone.run('read', chat)
        copy = stage.folder / 'copy'
        shutil.copytree(phone.profile, copy)
        phone.run('add', chat, 'carol')
        shutil.rmtree(phone.profile)
        shutil.copytree(copy, phone.profile)
        commits = len(liar.calls('ChatService/Commit'))
        liar.answer('ChatService/GetGroup', lambda reply, _: {**reply, **early})

        refusal = phone.fails(1, 'send', chat, 'to whom?')

        assert 'before what this device knows' in refusal['message'], refusal
        row = phone.run('chats')[0]
        assert row['state'] == 'broken' and 'before what this device knows' in row['cure'], row
        assert len(liar.calls('ChatService/Commit')) == commits and liar.calls('ChatService/Send') == []
        liar.honest()
        phone.run('send', chat, 'to all')
    assert texts(bob.run('read', chat)) == ['to all']


if __name__ == '__main__':
    main()
