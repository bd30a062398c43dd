# SPDX-License-Identifier: MIT
# io_threads: default
"""`sotto` alone on a terminal: whole sessions, typed and read on a pty."""
import contextlib
import os
import re
import shutil
import signal
import subprocess

from clients import acquainted, people, person, start, texts, wait_text
from load import FAST_LIMITS
from sotto import MODULES, PASSWORD, program
from tap import main, skip, test
from terminal import Terminal


def sotto(stage, client, *words, **options):
    """The interactive client on a client's profile."""
    return Terminal(stage, [program('sotto'), '--profile', client.profile, '--server', f'tcp://{client.server.tcp}',
                            *words], **options)


def opened(stage, client, chat, **options):
    """The same, logged in, with a chat open."""
    screen = sotto(stage, client, **options)
    screen.see_bottom('sotto>')
    screen.type(f'/open {chat}\n')
    screen.see_bottom(f'{chat}>')
    return screen


@contextlib.contextmanager
def small_disk(folder):
    """Moves a folder onto a file system of 8 MiB; gives a function that fills it up, and with False makes room."""
    kept = folder.with_name(folder.name + '-kept')
    folder.rename(kept)
    folder.mkdir(mode=0o700)
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=8m,mode=700', 'tmpfs', folder], check=False).returncode:
        folder.rmdir()
        kept.rename(folder)
        skip('tmpfs cannot be mounted here')
    ballast = folder / 'ballast'

    def fill(full=True):
        if not full:
            ballast.unlink()
            return
        with open(ballast, 'wb', buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b'x' * 4096):
                pass
    try:
        for path in kept.iterdir():
            shutil.copy2(path, folder / path.name)
        yield fill
    finally:
        subprocess.run(['umount', '-l', folder], check=False)


@test
def a_session_from_the_first_start_to_the_last_word(stage):
    server = start(stage)
    bob = person(stage, server, 'bob')
    ear = bob.spawn('listen')

    ann = sotto(stage, stage.client('ann', server))
    ann.see('Make a new account (n), log in (l), or quit (q)?')
    ann.type('n\n')
    ann.see('your name here')
    ann.type('no spaces\n')
    ann.see('is no user name')
    assert 'password:' not in ann.text()
    ann.type('n\nann\n')
    ann.see('password:')
    ann.type('short1\n')
    ann.see('the password must have 8 to 72 characters')
    assert 'once more:' not in ann.text()
    ann.type('N\nann\n')
    ann.see('password:', times=2)
    ann.type(PASSWORD + '\n')
    ann.see('once more:')
    ann.type(PASSWORD + '\n')
    ann.see('You are ann.', 'No chats yet')
    ann.type('/new bob\n')
    ann.see('no messages yet')
    ann.type('hello from a terminal\n')
    ann.see('you: hello from a terminal  (sent)')
    wait_text(ear, 'hello from a terminal')
    bob.run('send', 'ann', 'and hello back')
    ann.see('bob: and hello back')
    ann.type('/quit\n')

    assert ann.finish() == 0
    assert PASSWORD not in ann.raw.decode()
    assert texts(bob.run('read', 'ann')) == ['hello from a terminal', 'and hello back']


@test
def a_second_device_is_logged_in_and_taken_out_on_the_screen(stage):
    server = start(stage)
    ann, bob = acquainted(stage, server, 'ann', 'bob')
    laptop = opened(stage, ann, 'bob')

    phone = sotto(stage, stage.client('phone', server))
    phone.see('Make a new account (n), log in (l), or quit (q)?')
    phone.type('l\nann\n')
    phone.see('password:')
    phone.type(PASSWORD + '\n')
    phone.see('You are ann.', 'Those of your other')
    laptop.see('added a device')
    bob.run('send', 'ann', 'to both')
    laptop.see('bob: to both')
    phone.see('bob: 1 unread message')
    phone.type('/devices\n')
    phone.see('in 1 chat', times=2)
    phone_id = next(row['id'] for row in ann.run('devices') if not row['this'])
    laptop.type(f'/device-remove {phone_id}\n')
    laptop.see('removed a device')

    phone.see('this device was removed')
    assert [row['id'] for row in ann.run('devices')] == [ann.run('whoami')[0]['device_id']]


@test
def a_chat_is_chosen_by_number_or_name_and_the_others_are_counted(stage):
    server = start(stage)
    ann, bob, carol = people(stage, server, 'ann', 'bob', 'carol')
    carol.run('new', 'ann')
    bob.run('new', 'ann')
    bob.run('send', 'ann', 'one')
    ann.run('chats')

    screen = sotto(stage, ann)
    screen.see('1  bob', '1 unread', '2  carol')
    screen.type('/chats\n')
    screen.see('1  bob', '1 unread', '2  carol', times=2)
    screen.type('/open 2\n')
    screen.see_bottom('carol (+1)>')
    bob.run('send', 'ann', 'two')
    screen.see('bob: 2 unread messages; /open bob')
    screen.see_bottom('carol (+2)>')
    screen.type('/open bob\n')
    screen.see('bob: one', 'bob: two')
    screen.see_bottom('bob>')

    screen.type('/quit\n')
    assert screen.finish() == 0
    assert ann.run('chats', '--unread') == []


@test
def a_message_does_not_disturb_the_line_that_is_being_typed(stage):
    server = start(stage)
    ann, bob = acquainted(stage, server, 'ann', 'bob')
    screen = opened(stage, ann, 'bob')
    half = 'a line with 日本語, an 🙂 and enough words to run over the edge of the terminal,'

    screen.type(half)
    screen.see_bottom(f'bob> {half}')
    for number in range(1, 4):
        bob.run('send', 'ann', f'interruption {number}')
        screen.see(f'bob: interruption {number}')
        screen.see_bottom(f'bob> {half}')
    screen.type(' and its end\n')
    screen.see('(sent)')

    assert texts(bob.run('read', 'ann'))[-1] == half + ' and its end'
    shown = screen.text()
    assert shown.count('interruption 1') == 1 and shown.index('interruption 1') < shown.index('you: a line')


@test
def what_is_written_without_a_server_waits_and_goes_out_in_order(stage):
    server = start(stage)
    ann, bob = acquainted(stage, server, 'ann', 'bob')
    screen = opened(stage, ann, 'bob')
    server.stop()
    screen.see('offline: what you write is kept', 'next try in')
    for number in (1, 2):
        screen.type(f'waiting {number}\n')
        screen.see(f'you: waiting {number}  (pending)')
    screen.type('/quit\n')
    assert screen.finish() == 0

    screen = sotto(stage, ann)
    screen.see('You are ann.')
    screen.type('/open bob\n')
    screen.see('you: waiting 1  (pending)', 'you: waiting 2  (pending)')
    screen.type('waiting 3\n')
    screen.see('you: waiting 3  (pending)')
    server.start()
    screen.type('\n')
    screen.see('waiting 1  (sent)', 'waiting 2  (sent)', 'waiting 3  (sent)')

    assert texts(bob.run('read', 'ann')) == ['waiting 1', 'waiting 2', 'waiting 3']
    assert ann.run('queue') == []


@test
def old_messages_come_by_the_page(stage):
    server = start(stage)
    ann, bob = people(stage, server, 'ann', 'bob')
    ann.run('new', 'bob')
    process = ann.spawn_with(''.join(f'line {number:03}\n' for number in range(1, 121)), 'send', 'bob', '-')
    assert process.wait() == 0

    screen = opened(stage, ann, 'bob')
    screen.see('line 120', 'older messages: /more')
    assert 'line 070' not in screen.text() and 'line 071' in screen.text()
    assert re.search(r'--- \d+ \w+ 20\d\d ---', screen.text())
    screen.type('/more\n')
    screen.see('line 021', 'up to here: older messages')
    assert 'line 020' not in screen.text()


@test
def hostile_text_is_shown_harmlessly(stage):
    server = start(stage)
    ann, bob = people(stage, server, 'ann', 'bob')
    ann.run('new', 'bob')
    screen = opened(stage, ann, 'bob')

    bob.run('send', 'ann', 'pay \u202eeve\u202c \x1b[2J\x1b]0;owned\x07 \x9b31m \u2066x\u2069 end')

    screen.see('bob: pay <U+202E>eve<U+202C> \ufffd[2J\ufffd]0;owned\ufffd \ufffd31m <U+2066>x<U+2069> end')
    raw = screen.raw.decode()
    assert not re.search('[\u202a-\u202e\u2066-\u2069\x9b\x07]|\x1b\\[2J', raw)


@test
def ctrl_c_clears_the_line_and_then_leaves(stage):
    server = start(stage)
    ann, = people(stage, server, 'ann')
    screen = sotto(stage, ann)
    screen.see_bottom('sotto>')

    screen.type('half a thought')
    screen.see_bottom('sotto> half a thought')
    screen.type('\x03')
    screen.see_bottom('sotto>')
    screen.type('\x03')

    assert screen.finish() == 0


@test
def a_signal_that_ends_the_program_leaves_a_terminal_that_echoes(stage):
    server = start(stage)
    ann, = people(stage, server, 'ann')
    screen = sotto(stage, ann)
    screen.see_bottom('sotto>')
    assert not screen.echoes()

    screen.signal(signal.SIGTERM)

    assert screen.finish() == 0
    assert screen.echoes()


@test
def a_program_that_ends_while_it_asks_for_a_password_lets_the_terminal_echo(stage):
    ann = stage.client('ann', stage.server())
    for number in (signal.SIGTERM, signal.SIGINT):
        asking = sotto(stage, ann, 'register', 'ann')
        asking.see('password:')
        assert not asking.echoes()

        asking.signal(number)

        assert asking.finish() == -number
        assert asking.echoes()


@test
def tab_completes_commands_chats_and_names(stage):
    server = start(stage)
    ann, _, _ = people(stage, server, 'ann', 'barbara', 'barnaby')
    ann.run('new', 'barbara')
    ann.run('new', 'barnaby')
    screen = sotto(stage, ann)
    screen.see_bottom('sotto>')

    screen.type('/op\t')
    screen.see_bottom('sotto> /open')
    screen.type('b\t')
    screen.see_bottom('sotto> /open bar')
    screen.type('\t')
    screen.see('barnaby  barbara')
    screen.type('b\t\n')
    screen.see_bottom('barbara>')
    screen.type('/verify barn\t')
    screen.see_bottom('barbara> /verify barnaby')


@test
def commands_about_a_chat_mean_the_open_one(stage):
    server = start(stage)
    ann, _ = people(stage, server, 'ann', 'bob')
    ann.run('new', 'bob', '--title', 'lunch')
    screen = sotto(stage, ann)
    screen.see_bottom('sotto>')

    screen.type('/members\n')
    screen.see('open a chat first')
    screen.type('/open lunch\n')
    screen.see_bottom('lunch>')
    screen.type('/members\n')
    screen.see('unverified')
    number = ann.run('verify-chat', 'lunch')[0]
    screen.type('/verify-chat\n')
    screen.see(f'lunch: epoch {number["epoch"]}', ' '.join(re.findall('.....', number['digits'])[:6]),
               'Compare while all have the same epoch.')
    screen.type('/membrs\n')
    screen.see('did you mean /members?')
    screen.type('/verify bub\n')
    screen.see('did you mean "bob"?')
    screen.type('/members everybody\n')
    screen.see('too many words; usage: /members')
    screen.type('/members --server tcp://127.0.0.1:1\n')
    screen.see('--server is given when sotto starts')
    screen.type('/help\n')
    screen.see('/members', '/verify', '/quit')
    screen.type('/help mem\t')
    screen.see_bottom('lunch> /help members')


@test
def a_narrow_terminal_shows_which_chats_there_are(stage):
    server = start(stage)
    ann, _ = people(stage, server, 'ann', 'bob')
    ann.run('new', 'bob', '--title', 'lunch')

    screen = sotto(stage, ann, columns=24)

    screen.see('1  lunch')


@test
def a_group_is_changed_from_the_screen(stage):
    server = start(stage)
    ann, bob, _ = people(stage, server, 'ann', 'bob', 'carol')
    ann.run('new', 'bob', '--title', 'lunch')
    bob.run('chats')
    screen = opened(stage, ann, 'lunch')

    screen.type('/add carol\n')
    screen.see('added carol')
    screen.type('/rename lunch at one\n')
    screen.see_bottom('lunch at one>')
    screen.type("/rename Ann's and Bob's\n")
    screen.see_bottom("Ann's and Bob's>")
    screen.type('/rename "lunch at one"\n')
    screen.see_bottom('lunch at one>')
    screen.type('/role bob owner\n')
    screen.see('* ann', times=3)
    screen.type('/remove carol\n')
    screen.see('removed carol')

    shown = bob.run('chats')[0]
    assert (shown['title'], shown['members'], shown['role']) == ('lunch at one', ['ann', 'bob'], 'owner')


@test
def a_chat_that_one_leaves_or_deletes_is_closed(stage):
    server = start(stage)
    ann, bob = people(stage, server, 'ann', 'bob')
    ann.run('new', 'bob', '--title', 'lunch')
    bob.run('new', 'ann', '--title', 'tea')
    ann.run('chats')
    screen = opened(stage, ann, 'tea')

    screen.type('/leave\n')
    screen.see_bottom('sotto>')
    screen.type('/open lunch\n')
    screen.see_bottom('lunch>')
    screen.type('/delete-chat\n')
    screen.see('add --yes to do it')
    screen.type('/delete-chat --yes\n')
    screen.see_bottom('sotto>')

    assert [row['title'] for row in bob.run('chats') if row['state'] == 'ready'] == ['tea']


@test
def colours_are_for_terminals_that_want_them(stage):
    server = start(stage)
    ann, bob = people(stage, server, 'ann', 'bob')
    ann.run('new', 'bob')
    bob.run('send', 'ann', 'hello')
    ann.run('chats')

    colours = re.compile(rb'\x1b\[[0-9;]*m')
    with_colours = opened(stage, ann, 'bob', env={'NO_COLOR': None})
    without = opened(stage, ann, 'bob', env={'NO_COLOR': '1'})
    with_colours.see('bob: hello')
    without.see('bob: hello')

    assert colours.search(with_colours.raw)
    assert not colours.search(without.raw)


@test
def it_speaks_russian_to_whoever_has_a_russian_locale(stage):
    server = start(stage)
    ann, bob = people(stage, server, 'ann', 'bob')
    ann.run('new', 'bob')
    for number in range(5):
        bob.run('send', 'ann', f'привет {number}')
    ann.run('chats')

    russian = {'SOTTO_LANG': None, 'LC_ALL': None, 'LC_MESSAGES': None, 'LANG': 'ru_RU.UTF-8'}
    screen = sotto(stage, ann, env=russian)
    screen.see('Вы — ann.', '5 непрочитанных')
    screen.type('/open bob\n')
    screen.see_bottom('bob>')
    screen.type('привет\n')
    screen.see('вы: привет  (отправлено)')
    screen.type('/нет\n')
    screen.see('нет команды')
    english = sotto(stage, ann, '--lang', 'en', env=russian)
    english.see('You are ann.')


@test
def what_the_server_refuses_is_tried_three_times_and_then_waits_for_a_person(stage):
    server = start(stage)
    ann, bob = acquainted(stage, server, 'ann', 'bob')
    screen = opened(stage, ann, 'bob')
    server.stop()
    server.write_conf(MODULES, FAST_LIMITS, {'chat': 'message_size_max = 1KiB\n'})
    screen.see('next try in')

    screen.type('long ' * 400 + '\n')
    screen.see('(pending)')
    screen.type('short\n')
    screen.see('you: short  (pending)')
    server.start()
    screen.type('\n')

    screen.see('short  (sent)', '(failed: ', 'not sent: /retry sends it once more, /drop forgets it')
    screen.type('/queue\n')
    screen.see('long long', times=3)
    screen.type('/drop\n')
    screen.see('1 message was dropped')
    assert ann.run('queue') == []
    assert texts(bob.run('read', 'ann')) == ['short']


@test
def a_full_disk_keeps_the_line_and_loses_nothing(stage):
    if os.geteuid() != 0:
        skip('mounting a small file system needs root')
    server = start(stage)
    ann, bob = acquainted(stage, server, 'ann', 'bob')
    with small_disk(ann.profile) as fill:
        screen = opened(stage, ann, 'bob')
        screen.type('before\n')
        screen.see('before  (sent)')
        fill()
        screen.type('while it is full\n')
        screen.see('the disk is full: nothing was stored')
        screen.see_bottom('bob> while it is full')
        fill(False)
        screen.type('\n')
        screen.see('while it is full  (sent)')
        screen.type('/quit\n')
        assert screen.finish() == 0

        assert texts(bob.run('read', 'ann')) == ['before', 'while it is full']
        assert texts(ann.run('read', 'bob')) == ['before', 'while it is full']


if __name__ == '__main__':
    main()
