# SPDX-License-Identifier: MIT
"""Secrets at start (J2): one that will not do is refused with 78 and never printed; good ones are made with 0600."""
from tap import main, test

BAD = {
    'empty': '',
    'short': 'only-31-characters-x9K2mQ7vL4p',
    'example': 'changeme-changeme-changeme-0123456789',
    'repeated': 'ab' * 32,
    'pem': '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----',
}
GOOD = 'k3Vq9mZt1xLr7wBn5cYh2sDf8gJp4aQe'


def server_with(stage, secret, mode, name='server'):
    path = stage.folder / f'secret-{name}'
    path.touch(mode=mode)
    path.chmod(mode)
    path.write_text(secret, encoding='utf-8')
    return stage.new_server(name, module_conf={'auth': f'token_secret = "file:{path}"\n'})


def assert_refused(server, secret):
    process = server.launch()
    assert process.wait() == 78, server.log()
    said = server.log() + '\n'.join(process.lines)
    assert 'token_secret' in said or 'secrets' in said, said
    assert not secret or secret not in said, said


@test
def a_secret_that_will_not_do_is_refused(stage):
    for name, secret in BAD.items():
        assert_refused(server_with(stage, secret, 0o600, name), secret)


@test
def a_secret_that_others_may_read_is_refused(stage):
    assert_refused(server_with(stage, GOOD, 0o644), GOOD)


@test
def a_missing_secret_file_is_refused(stage):
    server = stage.new_server(module_conf={'auth': 'token_secret = "file:/nonexistent/secret"\n'})
    assert_refused(server, '')


@test
def without_any_the_server_makes_its_own_and_keeps_them(stage):
    server = stage.server()
    folder = server.data / 'secrets'
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(before) == {'opaque', 'refresh', 'token', 'chat'}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.iterdir())

    assert server.stop() == 0
    server.start()

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@test
def a_generated_secret_that_was_opened_to_others_is_refused(stage):
    server = stage.server()
    assert server.stop() == 0
    (server.data / 'secrets' / 'token').chmod(0o640)

    assert_refused(server, (server.data / 'secrets' / 'token').read_text(encoding='utf-8').strip())


@test
def a_key_of_chat_that_was_opened_to_others_is_refused(stage):
    server = stage.server()
    assert server.stop() == 0
    (server.data / 'secrets' / 'chat').chmod(0o640)

    assert_refused(server, '')


if __name__ == '__main__':
    main()
