# SPDX-License-Identifier: MIT
# timeout: 600
# io_threads: default
"""Damaged databases (R6): a bit, a zeroed page, a cut, in the file or in its log, on copies of one real database.

The server refuses with the cure or serves what was stored; `sottoctl db recover` brings back every row of undamaged
pages. What nobody can see is counted apart and named: a log whose newest transaction is cut off.
"""
import collections
import os
import random
import shutil

from damage import NAME, Original, change, damage, harm_file
from door import RpcError
from groups import Groups
from load import FAST_LIMITS, LOAD_SECONDS, end_load, start_load
from server_facts import wait_metric
from sotto import program, wait_object
from tables import SUM_BYTES
from tap import comment, main, night, test

COPIES = night(40, 500)
SEED = int(os.environ.get('SOTTO_SEED') or random.SystemRandom().randrange(1 << 32))
SERVED = night(15, 200)
CONF = FAST_LIMITS + 'store { wal = 256KiB }\n'


def ctl(stage, data, *words):
    """Runs sottoctl; returns (exit code, output, text on stderr)."""
    process = stage.process([program('sottoctl'), '--data', data, *words], stage.folder / 'sottoctl.stderr')
    code = process.wait()
    return code, '\n'.join(process.lines), process.error_text()


def grown(stage):
    """A database with all kinds of rows, as kill -9 leaves it: some of it in the log."""
    server = stage.server('grown', conf=CONF)
    with Groups(stage, server) as groups:
        people = [groups.person(name) for name in ('alice', 'bob', 'carol')]
        chat = people[0].create(people[1:])
        for number in range(20):
            people[0].send(chat, f'a message of some length, number {number} ' + 'x' * number * 40)
        load = start_load(stage, server, 'ledger', '--pairs', 30, '--messages', 100000, '--seconds', LOAD_SECONDS)
        wait_object(load, lambda found: found.get('acked', 0) > 1000, seconds=LOAD_SECONDS)
        end_load(load)
        server.kill()
    return Original(server.data)


def start_on(stage, original, folder):
    """What a server makes of the files: (exit code or 'served', its last words)."""
    server = stage.new_server(folder.name + '-server', conf=CONF)
    shutil.rmtree(server.data)
    folder.rename(server.data)
    shutil.copytree(original.folder / 'secrets', server.data / 'secrets')
    process = server.launch()
    try:
        process.wait_line(lambda line: line.startswith('ready '))
        outcome = 'served'
        assert server.stop() == 0, server.log()
    except AssertionError:
        outcome = process.wait()
    words = server.log()
    server.data.rename(folder)
    stage.servers.remove(server)  # the story of a failure is that of the last one
    return outcome, words


def judge_start(stage, original, copy, harm):
    """Refused with the cure, or served; returns how."""
    outcome, words = start_on(stage, original, copy)
    if outcome != 'served':
        assert outcome == 1, (harm, outcome, words)
        assert 'sottoctl --data DIR db recover' in words or 'another program' in words, (harm, words)
        return 'refused'
    lost, new = original.compare(copy / NAME)
    if not lost and not new:
        return 'served, whole'
    # as a power cut leaves it: nothing tells the two apart
    assert harm.last, (harm, lost, new, words)
    return 'served, the log ended early'


def judge_recovery(stage, original, copy, harm, like):
    target = stage.folder / 'recovered.db'
    code, _, errors = ctl(stage, copy, 'db', 'recover', '--like', like, target)
    assert code == 0, (harm, errors)
    lost, new = original.compare(target)
    if not harm.kind.startswith('log'):
        may = original.may_lose(harm.pages)
        beyond = {table: count for table, count in lost.items() if count > may[table]}
        assert not beyond, (harm.kind, min(harm.pages), beyond, may)
        if 'sotto_migrations' in lost:
            new.pop('sotto_migrations', None)  # the record that the empty server made of the same steps
        assert not new, (harm, new)
    target.unlink()
    return sum(lost.values())


@test
def every_damage_is_refused_or_harmless_and_can_be_recovered_from(stage):
    chance = random.Random(SEED)
    original = grown(stage)
    empty = stage.server('empty', conf=CONF)
    assert empty.stop() == 0
    verdicts, lost = collections.Counter(), 0
    for number in range(COPIES):
        copy = original.copy(stage.folder / f'copy-{number}')
        harm = damage(copy, chance, original)
        lost += judge_recovery(stage, original, copy, harm, empty.data / NAME)
        verdicts[harm.kind.split()[0] + ': ' + judge_start(stage, original, copy, harm)] += 1
        shutil.rmtree(copy)

    comment(f'seed {SEED}, {COPIES} copies of {len(original.pages)} pages: {dict(verdicts)}; '
            f'{lost} rows lost by recovering')
    assert sum(count for verdict, count in verdicts.items() if 'refused' in verdict) > COPIES / 10


def read_all(person, chat):
    """What a member is given of a chat, {seq: message}; None when the server cannot."""
    found, cursor = {}, 0
    while entries := person.sync({chat: cursor}).entries:
        found.update({entry.seq: entry.message for entry in entries})
        cursor = entries[-1].seq
    return found


def read_from(stage, groups, original, copy, login, chat, check):
    """The same from a server on damaged files: 'refused', None when it could not, or what it gave."""
    server = stage.new_server(copy.name + '-server', conf=f'{FAST_LIMITS}store {{ check_at_start = {check} }}')
    shutil.rmtree(server.data)
    copy.rename(server.data)
    shutil.copytree(original.folder / 'secrets', server.data / 'secrets')
    try:
        server.start()
    except AssertionError:
        # 1 for a damaged file, 78 where the damage is in what a module finds there
        assert server.process.wait() in (1, 78) and 'sottoctl' in server.log(), server.log()
        stage.servers.remove(server)
        return 'refused'
    groups.accounts.server = server
    try:
        person = groups.add(login)
        found = read_all(person, chat)
        person.door.close()
    except RpcError as error:
        assert error.code in ('unavailable', 'internal', 'unauthenticated'), error
        found = None
    assert server.http('/healthz')[0] in (200, 503)
    stage.hang_up()
    assert server.stop() == 0, server.log()
    stage.servers.remove(server)
    return found


@test
def damage_that_is_met_while_serving_costs_answers_and_gives_no_false_ones(stage):
    chance = random.Random(SEED)
    server = stage.server(conf=FAST_LIMITS)
    verdicts = collections.Counter()
    with Groups(stage, server) as groups:
        alice, bob = groups.person('alice'), groups.person('bob')
        chat = alice.create([bob])
        for number in range(120):
            alice.send(chat, f'number {number} ' + 'x' * 300)
        wanted = read_all(bob, chat)
        stage.hang_up()
        assert server.stop() == 0 and len(wanted) == 120
        original = Original(server.data)
        for number in range(SERVED):
            copy = original.copy(stage.folder / f'served-{number}')
            harm = harm_file(copy / NAME, chance, original.page_bytes)
            check = chance.choice(('auto', 'no'))
            found = read_from(stage, groups, original, copy, bob.login, chat, check)
            if isinstance(found, dict):
                missing = [seq for seq in wanted if seq not in found]
                wrong = [seq for seq, message in found.items() if wanted.get(seq) != message]
                assert not missing and not wrong, (harm, check, missing, wrong)
                found = 'whole'
            verdicts[f'{harm.kind}, check {check}: {found}'] += 1
    comment(f'seed {SEED}, {SERVED} copies of {len(original.pages)} pages: {dict(verdicts)}')


def stopped_with_messages(stage):
    """The files of a stopped server that has a chat of 120 messages: (server, groups, bob, chat, original)."""
    server = stage.server('damaged', conf=FAST_LIMITS + 'store { check_at_start = no }\n')
    groups = Groups(stage, server)
    alice, bob = groups.person('alice'), groups.person('bob')
    chat = alice.create([bob])
    for number in range(120):
        alice.send(chat, f'number {number} ' + 'x' * 300)
    stage.hang_up()
    assert server.stop() == 0
    return server, groups, bob, chat, Original(server.data)


def flip_in(path, original, page, back):
    """Changes a bit of the byte that stands so many bytes before the room for the checksum of a page."""
    offset = page * original.page_bytes - SUM_BYTES - back
    change(path, offset, bytes([path.read_bytes()[offset] ^ 4]))


def harm_definition(path, original, page):
    """Flips a bit of a definition such that it means the same: only the checksum of its page can tell."""
    start = (page - 1) * original.page_bytes
    at = path.read_bytes().index(b'CREATE', start, start + original.page_bytes)
    change(path, at, b'c')


def leaf_of(original, table):
    """A page in the middle of a table."""
    leaves = sorted(page for page, (name, kind, _) in original.pages.items() if name == table and kind == 'leaf')
    return leaves[len(leaves) // 2]


@test
def a_bit_of_a_value_is_named_by_check_and_refused_by_a_start_that_looks(stage):
    server, _, _, _, original = stopped_with_messages(stage)
    page = leaf_of(original, 'chat_log')
    flip_in(server.data / NAME, original, page, 1)  # of the first message on the page

    code, _, words = ctl(stage, server.data, 'db', 'check')
    assert code == 1 and f'page {page} is not as it was written' in words, words
    assert ctl(stage, server.data, 'db', 'backup', stage.folder / 'copy.db')[0] == 1, 'damage went into a backup'
    looks = stage.new_server('looks', conf=FAST_LIMITS)
    shutil.copytree(server.data, looks.data, dirs_exist_ok=True)
    assert looks.launch().wait() == 1
    assert f'page {page} is not as it was written' in looks.log() and 'db recover FILE' in looks.log(), looks.log()
    assert ctl(stage, server.data, 'db', 'recover', stage.folder / 'saved.db')[0] == 0
    lost, new = original.compare(stage.folder / 'saved.db')
    assert lost == {'chat_log': original.pages[page][2]} and not new, (lost, new)


@test
def a_bit_that_flips_under_a_running_server_costs_an_answer_and_not_the_server(stage):
    server, groups, bob, chat, original = stopped_with_messages(stage)
    page = leaf_of(original, 'chat_log')
    server.start()
    bob = groups.add(bob.login)
    flip_in(server.data / NAME, original, page, 1)

    try:
        read_all(bob, chat)
        raise AssertionError('a damaged page was served')
    except RpcError as error:
        assert error.code in ('unavailable', 'internal'), error

    assert f'page {page} is not as it was written' in server.log() and 'sottoctl db check' in server.log(), server.log()
    assert server.http('/healthz')[0] == 200
    carol, dave = groups.person('carol'), groups.person('dave')
    carol.send(carol.create([dave]), 'the rest goes on')
    stage.hang_up()
    assert server.stop() == 0, server.log()


@test
def a_damaged_schema_is_refused_and_every_row_is_recovered(stage):
    server, _, _, _, original = stopped_with_messages(stage)
    empty = stage.server('empty', conf=CONF)
    assert empty.stop() == 0
    leaves = [page for page, (name, kind, _) in original.pages.items() if (name, kind) == ('sqlite_schema', 'leaf')]
    for page in leaves:
        harm_definition(server.data / NAME, original, page)

    assert server.launch().wait() == 1
    assert 'is not as it was written' in server.log() and 'db recover FILE' in server.log(), server.log()
    for number, like in enumerate((['--like', empty.data / NAME], [])):
        target = stage.folder / f'saved-{number}.db'
        code, _, words = ctl(stage, server.data, 'db', 'recover', *like, target)
        assert code == 0 and ('damaged page' in words) == (not like), words
        assert not like or original.compare(target) == ({}, {}), original.compare(target)


@test
def an_empty_file_is_not_called_sound(stage):
    (stage.folder / 'data').mkdir()
    (stage.folder / 'data' / NAME).touch()

    code, output, words = ctl(stage, stage.folder / 'data', 'db', 'check')

    assert code == 1 and 'sound' not in output and 'is empty' in words, (output, words)


@test
def what_is_no_file_is_not_called_damaged(stage):
    (stage.folder / 'folder' / 'sotto.db').mkdir(parents=True)

    for data in (stage.folder / 'nothing', stage.folder / 'folder'):
        code, _, words = ctl(stage, data, 'db', 'check')
        assert code == 1 and '--data' in words and 'damaged' not in words, words


@test
def a_recovered_database_serves_what_was_saved(stage):
    server = stage.server(conf=CONF)
    with Groups(stage, server) as groups:
        alice, bob = groups.person('alice'), groups.person('bob')
        chat = alice.create([bob])
        for number in range(50):
            alice.send(chat, f'number {number}')
        stage.hang_up()
        assert server.stop() == 0
        original = Original(server.data)
        page = next(page for page, (name, kind, _) in original.pages.items()
                    if name == 'chat_log' and kind == 'leaf')
        with open(server.data / NAME, 'r+b') as file:
            file.seek((page - 1) * original.page_bytes)
            file.write(bytes(original.page_bytes))
        assert server.launch().wait() == 1
        assert 'sottoctl --data DIR db recover FILE' in server.log()
        assert ctl(stage, server.data, 'db', 'check')[0] == 1

        assert ctl(stage, server.data, 'db', 'recover', server.data / 'saved.db')[0] == 0
        for old in server.data.glob(NAME + '*'):
            old.unlink()
        (server.data / 'saved.db').rename(server.data / NAME)
        server.start()

        assert ctl(stage, server.data, 'db', 'check')[0] == 0
        alice, bob = (groups.add(person.login) for person in (alice, bob))
        entries = bob.sync({chat: 0}).entries
        assert len(entries) == 51 - original.pages[page][2], len(entries)


def free_pages(data, page_bytes):
    """Of the list in the file: pages that name others, and those that they name."""
    trunks, leaves = [], []
    page = int.from_bytes(data[32:36], 'big')
    while page:
        at = (page - 1) * page_bytes
        words = [int.from_bytes(data[at + 4 * i:at + 4 * i + 4], 'big') for i in range(page_bytes // 4)]
        trunks.append(page)
        leaves += words[2:2 + words[1]]
        page = words[0]
    return trunks, leaves


@test
def free_pages_that_another_program_wrote_are_no_damage(stage):
    """What a shell leaves that is opened after a crash: freed pages are zeros there, without a checksum."""
    server = stage.server('freed', conf=FAST_LIMITS)
    with Groups(stage, server) as groups:
        alice, bob = groups.person('alice'), groups.person('bob')
        chat = alice.create([bob])
        for _ in range(30):
            alice.send(chat, 'x' * 30000)
        alice.chat('DeleteChat', {'chat_id': chat})
        wait_metric(server, 'sotto_chat_purged_total{because="deleted"}', lambda found: found >= 31)
        assert server.stop() == 0
    path, page_bytes = server.data / NAME, 4096
    _, leaves = free_pages(path.read_bytes(), page_bytes)
    assert len(leaves) > 100, leaves
    for page in leaves:
        change(path, (page - 1) * page_bytes, bytes(page_bytes))

    assert ctl(stage, server.data, 'db', 'check')[0] == 0
    assert ctl(stage, server.data, 'db', 'backup', stage.folder / 'freed.db')[0] == 0
    server.start()
    assert server.stop() == 0
    original = Original(server.data)
    page = leaf_of(original, 'chat_devices')
    change(path, (page - 1) * page_bytes, bytes(page_bytes))
    code, _, words = ctl(stage, server.data, 'db', 'check')
    assert code == 1 and f'page {page} is not as it was written' in words, words


@test
def a_backup_beside_a_running_server_holds_all_that_was_acknowledged(stage):
    server = stage.server(conf=FAST_LIMITS)
    load = start_load(stage, server, 'ledger', '--pairs', 20, '--messages', 100000, '--seconds', LOAD_SECONDS)
    _, seen = wait_object(load, lambda found: found.get('acked', 0) > 1000, seconds=LOAD_SECONDS)
    target = stage.folder / 'backup.db'

    code, output, errors = ctl(stage, server.data, 'db', 'backup', target)

    assert code == 0, errors
    assert 'sound copy' in output and target.stat().st_mode & 0o077 == 0
    assert ctl(stage, server.data, 'db', 'backup', target)[0] == 1, 'an existing file was overwritten'
    assert ctl(stage, server.data, 'db', 'recover', stage.folder / 'new.db')[0] == 1, 'beside a running server'
    end_load(load)
    spoilt = stage.folder / 'spoilt'
    spoilt.mkdir()
    change(shutil.copy(target, spoilt / NAME), 5000, b'harm')
    code, _, errors = ctl(stage, spoilt, 'db', 'backup', spoilt / 'copy.db')
    assert code == 1 and 'db check' in errors and not list(spoilt.glob('copy*')), errors
    restored = stage.new_server('restored', conf=CONF)
    target.rename(restored.data / NAME)
    # Every acknowledged message is a row of the log, and every chat has one more.
    assert Original(restored.data).rows['chat_log'].total() >= seen['acked'] + 20
    shutil.copytree(server.data / 'secrets', restored.data / 'secrets')
    restored.start()


@test
def the_tool_names_the_word_that_is_wrong(stage):
    for words, said in (((), 'a command is missing'), (('status',), 'no such command: status'), (('db',), 'missing behind db'),
                        (('db', 'chek'), 'no such command of db: chek'), (('db', 'check', 'now'), 'one word too many: now'),
                        (('db', 'backup'), 'missing behind: backup'), (('db', 'backup', 'a', 'b'), 'one word too many: b'),
                        (('db', 'check', '--fast'), 'no such option: --fast'), (('-vx',), 'no such option: -v'),
                        (('--like',), 'a value is missing behind: --like'),
                        (('--like', 'a', 'db', 'check'), '--like goes with db recover, not with: check')):
        code, _, errors = ctl(stage, stage.folder, *words)
        assert code == 2 and said in errors and 'usage: sottoctl' in errors, (words, code, errors)
        assert all(line.startswith('sottoctl: ') for line in errors.splitlines()[:1]), errors
    code, output, _ = ctl(stage, stage.folder, 'db', '--help')
    assert code == 0 and output.startswith('usage: sottoctl'), output
    assert ctl(stage, stage.folder, '--version')[1].startswith('sottoctl ')
    code, _, errors = ctl(stage, stage.folder, 'db', 'recover', stage.folder / 'new.db')
    assert code == 1 and 'name the data folder with --data' in errors, errors


if __name__ == '__main__':
    main()
