// SPDX-License-Identifier: MIT
//
// OPAQUE against @serenity-kit/opaque, which is opaque-ke (Rust) as WebAssembly and what a browser
// client uses: their client with our server, our client with their server, with Argon2id as it is
// used in production. Both sides must arrive at the same session key, and at the same export key at
// registration and login.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import * as opaque from '@serenity-kit/opaque';

const here = path.dirname(fileURLToPath(import.meta.url));
const build = process.env.SOTTO_BUILD ?? path.join(here, '..', '..', 'build');
const password = 'correct horse, battery ü staple 7';
const user = 'alice';
const keyStretching = {
  'argon2id-custom': { iterations: 3, memory: 65536, parallelism: 1 },
};

const hex = (text) => Buffer.from(text, 'utf8').toString('hex');
const hexOf = (base64url) => Buffer.from(base64url, 'base64url').toString('hex');
const base64Of = (hexText) => Buffer.from(hexText, 'hex').toString('base64url');

// Our side: one process, one answer for each line.
const peer = spawn(path.join(build, 'tests', 'opaque_peer'), {
  stdio: ['pipe', 'pipe', 'inherit'],
});
const answers = createInterface({ input: peer.stdout })[Symbol.asyncIterator]();
after(() => peer.stdin.end());

async function ask(...words) {
  peer.stdin.write(words.join(' ') + '\n');
  const { value } = await answers.next();
  return value.split(' ');
}

async function must(...words) {
  const [verdict, ...values] = await ask(...words);
  assert.equal(verdict, 'ok', `${words[0]} answered ${verdict} ${values}`);
  return values;
}

// Their client registers at our server; returns their result with our record in hex.
async function registerTheirsWithOurs(identifiers) {
  const start = opaque.client.startRegistration({ password });
  const [response] = await must('server-register', hex(user), hexOf(start.registrationRequest));
  return opaque.client.finishRegistration({
    password,
    clientRegistrationState: start.clientRegistrationState,
    registrationResponse: base64Of(response),
    identifiers,
    keyStretching,
  });
}

async function loginTheirsWithOurs(record, typed, identifiers) {
  const start = opaque.client.startLogin({ password: typed });
  const [ke2] = await must('server-login', hex(user), record, hexOf(start.startLoginRequest));
  return opaque.client.finishLogin({
    password: typed,
    clientLoginState: start.clientLoginState,
    loginResponse: base64Of(ke2),
    identifiers,
    keyStretching,
  });
}

async function registerOursWithTheirs(serverSetup) {
  const [request] = await must('register-start', hex(password));
  const { registrationResponse } = opaque.server.createRegistrationResponse({
    serverSetup,
    userIdentifier: user,
    registrationRequest: base64Of(request),
  });
  return must('register-finish', hex(password), hexOf(registrationResponse));
}

async function startOursWithTheirs(serverSetup, record, typed, identifiers) {
  const [ke1] = await must('login-start', hex(typed));
  return opaque.server.startLogin({
    serverSetup,
    userIdentifier: user,
    registrationRecord: record,
    startLoginRequest: base64Of(ke1),
    identifiers,
  });
}

await opaque.ready;

test('their client registers and logs in at our server', async () => {
  const registered = await registerTheirsWithOurs();
  const login = await loginTheirsWithOurs(hexOf(registered.registrationRecord), password);
  const [sessionKey] = await must('server-finish', hexOf(login.finishLoginRequest));

  assert.equal(hexOf(login.sessionKey), sessionKey);
  assert.equal(login.exportKey, registered.exportKey);
  assert.equal(login.serverStaticPublicKey, registered.serverStaticPublicKey);
});

test('their client is refused by our server with a wrong password and as an unknown user', async () => {
  const registered = await registerTheirsWithOurs();

  assert.equal(
    await loginTheirsWithOurs(hexOf(registered.registrationRecord), 'wrong'), undefined);
  assert.equal(await loginTheirsWithOurs('-', password), undefined);
});

test('our client registers and logs in at their server', async () => {
  const serverSetup = opaque.server.createSetup();
  const [record, registeredExportKey] = await registerOursWithTheirs(serverSetup);
  const { serverLoginState, loginResponse } =
    await startOursWithTheirs(serverSetup, base64Of(record), password);
  const [ke3, sessionKey, exportKey, serverKey] =
    await must('login-finish', hex(password), hexOf(loginResponse));
  const finished = opaque.server.finishLogin({
    serverLoginState,
    finishLoginRequest: base64Of(ke3),
  });

  assert.equal(hexOf(finished.sessionKey), sessionKey);
  assert.equal(exportKey, registeredExportKey);
  assert.equal(hexOf(opaque.server.getPublicKey(serverSetup)), serverKey);
});

test('our client refuses their server with a wrong password and as an unknown user', async () => {
  const serverSetup = opaque.server.createSetup();
  const [record] = await registerOursWithTheirs(serverSetup);
  const wrong = await startOursWithTheirs(serverSetup, base64Of(record), 'wrong');
  assert.deepEqual(
    await ask('login-finish', hex('wrong'), hexOf(wrong.loginResponse)), ['err', '-3']);

  const unknown = await startOursWithTheirs(serverSetup, null, password);
  assert.deepEqual(
    await ask('login-finish', hex(password), hexOf(unknown.loginResponse)), ['err', '-3']);
});

test('both sides agree when identities are named', async () => {
  const identifiers = { client: 'alice@example', server: 'sotto.example' };
  await must('identities', hex(identifiers.client), hex(identifiers.server));
  const registered = await registerTheirsWithOurs(identifiers);
  const record = hexOf(registered.registrationRecord);
  const login = await loginTheirsWithOurs(record, password, identifiers);
  const [sessionKey] = await must('server-finish', hexOf(login.finishLoginRequest));

  assert.equal(hexOf(login.sessionKey), sessionKey);
  assert.equal(await loginTheirsWithOurs(record, password, { ...identifiers, client: 'eve' }),
    undefined);
});
