// SPDX-License-Identifier: MIT
//
// What a message brought, as an object: read out of a struct mls_received of the instance, which is freed.
const kinds = { 1: 'application', 2: 'proposal', 3: 'commit', 4: 'own commit' };
const changes = { 1: 'add', 2: 'update', 3: 'remove', 4: 'psk', 5: 'reinit', 6: 'external init', 7: 'extensions' };
const NONE = 0xffffffff; // no leaf, no external sender
const orNull = (number) => (number === NONE ? null : number);

// Calls with an empty struct and describes what it was filled with.
export function received(mls, call) {
  const at = mls.wasm.received_new();
  try {
    mls.check(call(at));
    return describe(mls, at);
  } finally {
    mls.wasm.received_free(at);
  }
}

function describe(mls, at) {
  const { wasm } = mls;
  const bytes = (field) => mls.view(wasm.received_bytes(at, field));
  const number = (field) => wasm.received_number(at, field) >>> 0;
  return {
    kind: kinds[number(0)],
    senderLeaf: orNull(number(1)),
    sender: bytes(2),
    plaintext: bytes(0),
    authenticatedData: bytes(1),
    hasPath: number(2) !== 0,
    removesSelf: number(3) !== 0,
    changes: Array.from({ length: number(4) }, (_, i) => describeChange(mls, at, i)),
  };
}

function describeChange(mls, at, index) {
  const { wasm } = mls;
  const [type, leaf, proposer, byReference, externalSender] = [0, 1, 2, 3, 4].map(
    (field) => wasm.change_number(at, index, field) >>> 0);
  return {
    type: changes[type],
    leaf: orNull(leaf),
    proposer: orNull(proposer),
    externalSender: orNull(externalSender),
    byReference: byReference !== 0,
    identity: mls.view(wasm.credential_bytes(wasm.change_credential(at, index), 0)),
  };
}
