# SPDX-License-Identifier: MIT
# io_threads: default
"""Help that helps, complaints, guesses, and both languages, of single commands."""
import json
import os
import re
import subprocess

from clients import people, person, start, texts
from sotto import program
from tables import wait_for
from tap import main, test
from under_test import patient


def say(*words, **environment):
    """Runs sotto for a person; returns (exit code, stdout, stderr)."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(('LC_', 'LANG', 'SOTTO_LANG'))}
    done = subprocess.run([program('sotto'), *words], capture_output=True, text=True, check=False, timeout=patient(),
                          env={**kept, 'LC_ALL': 'C.UTF-8', **environment})
    return done.returncode, done.stdout, done.stderr


def at(client):
    return ['--profile', client.profile, '--server', f'tcp://{client.server.tcp}']


def hear(client):
    """A listener that speaks to a person."""
    return client.stage.process([program('sotto'), *at(client), 'listen'], client.stage.folder / 'listen.stderr')


@test
def help_shows_examples_in_three_ways(stage):
    del stage
    answers = {say('help', 'send')[1], say('send', '--help')[1], say('--help', 'send')[1]}

    assert len(answers) == 1
    assert 'sotto send bob "hello"' in answers.pop()


@test
def an_unknown_command_suggests_the_nearest(stage):
    del stage
    for typed, meant in (('sned', 'send'), ('lsten', 'listen'), ('chat', 'chats'), ('verfy', 'verify')):
        code, _, error = say(typed)
        assert code == 2 and f'did you mean "{meant}"?' in error, error
    assert 'did you mean' not in say('xyzzy')[2]


@test
def an_unknown_option_names_the_page_that_lists_the_others(stage):
    client = stage.client('alice', stage.server())

    assert 'sotto send --help' in client.fails(2, 'send', '--loud', 'bob', 'hi')['message']
    code, _, errors = client.attempt('--loud')
    assert code == 2 and 'sotto --help' in errors, (code, errors)


@test
def options_that_cannot_be_meant_are_refused(stage):
    del stage
    for words, complaint in ((('listen', '--count', '0'), '--count needs 1 or more'),
                             (('read', 'bob', '--limit', '0'), '--limit needs 1 or more'),
                             (('--timeout', '4294968', 'chats'), '--timeout takes at most 4294967 seconds'),
                             (('--profile', '', 'chats'), '--profile needs a value'),
                             (('--limit', '5'), '--limit goes with a command'),
                             (('whoami', 'me'), 'usage: sotto whoami\n')):
        code, _, error = say(*words)
        assert code == 2 and complaint in error, (words, error)
    code, output, error = say('--json')
    assert (code, output) == (2, '') and json.loads(error)['error']['code'] == 'usage', (code, output, error)


@test
def the_version_is_printed_alone(stage):
    del stage
    code, output, _ = say('--version')
    assert code == 0 and re.fullmatch(r'sotto \d+\.\d+\.\d+\n', output), output
    assert output.split()[1] == json.loads(say('--version', '--json')[1])['version']


@test
def output_that_is_lost_is_a_failure(stage):
    del stage
    with open('/dev/full', 'w', encoding='utf-8') as full:
        done = subprocess.run([program('sotto'), '--help'], stdout=full, stderr=subprocess.PIPE, text=True, check=False,
                              timeout=60)
    assert done.returncode == 1 and 'not everything could be printed' in done.stderr, done


@test
def a_closed_output_is_not_the_place_of_a_file(stage):
    """Otherwise the first file or connection gets its number, and what is printed goes there."""
    ann = person(stage, start(stage), 'ann')
    listening = [program('sotto'), *at(ann), 'listen']

    ear = stage.process(['sh', '-c', 'exec "$@" 2>&1 >&-', 'sh', *listening], stage.folder / 'ear.stderr')
    ear.wait_line(lambda line: 'no chats yet' in line)

    assert os.readlink(f'/proc/{ear.child.pid}/fd/1') == '/dev/null'


@test
def a_secret_that_cannot_be_read_is_named(stage):
    client = stage.client('alice', stage.server())
    empty = stage.folder / 'empty'
    empty.touch()

    for option, path, complaint in (('--password-file', stage.folder, 'Is a directory'),
                                    ('--password-file', empty, 'the password in the file is empty'),
                                    ('--passphrase-file', empty, 'the passphrase in the file is empty')):
        code, _, error = say(*at(client), option, str(path), 'register', 'alice')
        assert code == 2 and complaint in error, error


@test
def lines_of_the_input_are_sent_whole(stage):
    server = start(stage)
    ann, _ = people(stage, server, 'ann', 'bob')
    chat = ann.run('new', 'bob')[0]['chat']

    assert ann.spawn_with('left\rright\r\n\nlast', 'send', chat, '-').wait() == 0
    refused = ann.spawn_with('cut\0off\n', 'send', chat, '-')

    assert refused.wait() == 2 and 'zero byte' in refused.error_text()
    assert texts(ann.run('read', chat)) == ['left\rright', 'last']


@test
def a_name_with_a_slip_is_recognised(stage):
    server = start(stage)
    ann, _ = people(stage, server, 'ann', 'barbara')
    ann.run('new', 'barbara')

    code, _, error = say(*at(ann), 'send', 'barbra', 'hello')

    assert code == 1 and 'there is no chat "barbra"' in error and 'did you mean "barbara"?' in error, error
    ann.run('new', 'barbara', '--title', 'lunch')
    for words in (('new', 'barbara', 'barbora'), ('remove', 'lunch', 'barbora')):
        code, _, error = say(*at(ann), *words)
        assert code == 1 and 'did you mean "barbara"?' in error, (words, error)
    assert 'did you mean' not in say(*at(ann), 'add', 'lunch', 'xyzzy')[2]


@test
def writing_to_oneself_has_a_sentence_of_its_own(stage):
    server = start(stage)
    ann = person(stage, server, 'ann')

    code, _, error = say(*at(ann), 'send', 'ann', 'hello')

    assert code == 2 and 'that is you' in error, error


@test
def a_forgotten_profile_is_named(stage):
    server = start(stage)
    ann = person(stage, server, 'ann')
    code, _, error = say('whoami', XDG_DATA_HOME=str(stage.folder / 'data'))
    assert code == 3 and 'forget' not in error

    home = stage.folder / 'data' / 'sotto'
    ann.profile.rename(home / 'ann')
    code, _, error = say('whoami', XDG_DATA_HOME=str(stage.folder / 'data'))

    assert code == 3 and f'--profile {home}/ann' in error, error


@test
def a_listener_without_chats_says_what_to_do(stage):
    server = start(stage)
    ann = person(stage, server, 'ann')

    ear = hear(ann)

    wait_for(lambda: 'no chats yet' in ear.error_text() and 'another device' in ear.error_text())


@test
def where_there_is_nothing_to_list_that_is_said(stage):
    ann = person(stage, start(stage), 'ann')

    assert 'no chats yet' in say(*at(ann), 'chats')[1] and 'nothing waits' in say(*at(ann), 'queue')[1]
    assert ann.run('chats') == ann.run('queue') == [] and say(*at(ann), '--quiet', 'queue')[1] == ''


@test
def an_invitation_that_waited_is_a_chat_to_a_listener(stage):
    server = start(stage)
    ann, bea = person(stage, server, 'ann'), person(stage, server, 'bea')
    say(*at(ann), 'new', 'bea')

    ear = hear(bea)

    ear.wait_line(lambda line: 'ann added you' in line)
    assert 'no chats yet' not in ear.error_text()


@test
def every_way_to_ask_for_russian_is_heard(stage):
    del stage
    asked = [{'LC_ALL': 'ru_RU.UTF-8'}, {'LC_ALL': '', 'LC_MESSAGES': 'ru_RU.UTF-8', 'LANG': 'en_US.UTF-8'},
             {'LC_ALL': '', 'LANG': 'ru'}, {'SOTTO_LANG': 'ru'}]
    for environment in asked:
        assert 'Команды:' in say('--help', **environment)[1], environment
    assert 'Команды:' in say('--lang', 'ru', '--help')[1]
    assert 'Commands:' in say('--lang=en', '--help', LC_ALL='ru_RU.UTF-8')[1]
    assert 'Commands:' in say('--help', LC_ALL='de_DE.UTF-8', LANG='ru_RU.UTF-8')[1]
    assert say('--lang', 'xx', '--help')[0] == 2


@test
def errors_are_russian_and_their_codes_are_not(stage):
    server = start(stage)
    ann = person(stage, server, 'ann')

    code, _, error = say(*at(ann), '--lang', 'ru', 'send', 'nobody', 'hello')
    assert code == 1 and 'нет чата «nobody»' in error, error
    code, _, error = say(*at(ann), '--lang', 'ru', '--json', 'send', 'nobody', 'hello')
    assert '"code":"not_found"' in error and 'нет чата' in error, error


if __name__ == '__main__':
    main()
