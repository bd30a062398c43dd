// SPDX-License-Identifier: MIT
//
// What a message brought, as an object: read out of a struct mls_received of the instance, which is freed; and a
// struct mls_change by itself, about which checkOutsider is asked.
const kinds = { 1: 'application', 2: 'proposal', 3: 'commit', 4: 'own commit' };
const NONE = 0xffffffff; // no leaf, no external sender
const orNull = (number) => (number === NONE ? null : number);

export const proposalTypes = { 1: 'add', 2: 'update', 3: 'remove', 4: 'psk', 5: 'reinit', 6: 'external init', 7: 'extensions' };
export const senderTypes = { 1: 'member', 2: 'external', 3: 'new member proposal', 4: 'new member commit' };

// Calls with an empty struct and describes what it was filled with.
export function received(inside, call) {
  const at = inside.wasm.received_new();
  try {
    inside.check(call(at));
    return describe(inside, at);
  } finally {
    inside.wasm.received_free(at);
  }
}

function describe(inside, at) {
  const { wasm } = inside;
  const bytes = (field) => inside.view(wasm.received_bytes(at, field));
  const number = (field) => wasm.received_number(at, field) >>> 0;
  const sender = inside.credential(wasm.received_sender(at));
  return {
    kind: kinds[number(0)],
    epoch: wasm.received_epoch(at),
    senderType: senderTypes[number(5)],
    senderLeaf: orNull(number(1)),
    sender: sender.identity,
    senderKey: sender.signatureKey,
    plaintext: bytes(0),
    authenticatedData: bytes(1),
    hasPath: number(2) !== 0,
    removesSelf: number(3) !== 0,
    changes: Array.from({ length: number(4) }, (_, i) => change(inside, wasm.received_change(at, i))),
  };
}

export function change(inside, at) {
  const { wasm } = inside;
  const [type, leaf, proposer, byReference, externalSender, proposerType, suite, version] = [0, 1, 2, 3, 4, 5, 6, 7].map(
    (field) => wasm.change_number(at, field) >>> 0);
  const [id, extensions] = [0, 1].map((field) => inside.view(wasm.change_bytes(at, field)));
  const { identity, signatureKey } = inside.credential(wasm.change_credential(at));
  return {
    type: proposalTypes[type],
    leaf: orNull(leaf),
    proposer: orNull(proposer),
    proposerType: senderTypes[proposerType],
    externalSender: orNull(externalSender),
    byReference: byReference !== 0,
    identity,
    signatureKey,
    reinit: proposalTypes[type] === 'reinit' ? { id, suite, version, extensions } : null,
  };
}
