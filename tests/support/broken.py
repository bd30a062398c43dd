# SPDX-License-Identifier: MIT
"""Chats that a member breaks.

    with Groups(stage, server) as groups:
        alice, bob, mallory, chat = broken_group(stage, groups, server, 'alice', 'bob')
"""
from clients import people
from groups import BAD_TAG, seat

ADMIN = 2


def row_of(client, chat):
    return next(row for row in client.run('chats') if row['chat'] == chat)


def broken_group(stage, groups, server, *names, how=BAD_TAG, mode=1):
    """The clients of these names and mallory, in whose group "Garden" she made a commit that nobody can follow. The first
    one is admin."""
    clients = people(stage, server, *names)
    mallory = groups.person('mallory')
    chat = mallory.create([seat(client) for client in clients], mode=mode)
    for client in clients:
        client.run('chats')
    mallory.chat('SetRole', {'chat_id': chat, 'user_id': seat(clients[0]).user, 'role': ADMIN})
    clients[0].run('rename', chat.hex(), 'Garden')
    clients[0].run('send', chat.hex(), 'from before')
    mallory.commit_badly(chat, how)
    return *clients, mallory, chat.hex()
