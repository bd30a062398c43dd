# SPDX-License-Identifier: MIT
"""Access tokens by a forger who knows the server's secret.

    server = stage.server(module_conf=known_secret(stage))
    forge(HEADER, payload)                      any header and payload, with a MAC that fits
    expired(login.access)                       the same token, as it was an hour ago
"""
import base64
import hashlib
import hmac
import json

SECRET = 'k3Vq9mZt1xLr7wBn5cYh2sDf8gJp4aQe'
HEADER = '{"alg":"HS256","typ":"JWT"}'


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=')


def payload_of(token):
    return base64.urlsafe_b64decode(token.split('.')[1] + '==').decode()


def forge(header, payload, key=SECRET, digest=hashlib.sha256):
    text = base64url(header.encode()) + b'.' + base64url(payload.encode())
    return text + b'.' + base64url(hmac.new(key.encode(), text, digest).digest())


def expired(token):
    claims = json.loads(payload_of(token))
    claims['iat'] -= 3600
    claims['exp'] -= 3600
    return forge(HEADER, json.dumps(claims, separators=(',', ':'))).decode()


def known_secret(stage):
    """The module_conf with which a server signs with SECRET."""
    secret_file = stage.folder / 'secret'
    secret_file.touch(mode=0o600)
    secret_file.write_text(SECRET + '\n', encoding='utf-8')
    return {'auth': f'token_secret = "file:{secret_file}"\n'}
