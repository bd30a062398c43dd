// SPDX-License-Identifier: MIT
//
// An instance of mls.wasm and the way of bytes in and out of it. Addresses and handles are numbers here; what the other files
// give to a caller has none. What is lent to the instance is wiped there when the call has returned.
const PROPOSAL_NAMES = ['add', 'update', 'remove', 'psk', 'resumption', 'reinit', 'extensions'];

export class MlsError extends Error {
  constructor(name, text) {
    super(name);
    this.name = name;
    this.text = text;
  }
}

export class Instance {
  #kept = [];

  // `imports` gets a function that gives the instance, which is not there yet.
  static async load(wasm, imports) {
    const made = new Instance();
    ({ instance: made.instance } = await WebAssembly.instantiate(wasm, { host: imports(() => made.instance) }));
    return made;
  }

  get wasm() { return this.instance.exports; }

  // ---- Out ----

  read(at, length) { return new Uint8Array(this.wasm.memory.buffer).slice(at, at + length); }

  view(at) { return this.read(this.wasm.bytes_data(at), this.wasm.bytes_len(at)); }

  text(at) {
    const memory = new Uint8Array(this.wasm.memory.buffer);
    return new TextDecoder().decode(memory.slice(at, memory.indexOf(0, at)));
  }

  check(error) {
    if (error >= 0) return error;
    throw new MlsError(this.text(this.wasm.error_name(error)), this.text(this.wasm.error_text(error)));
  }

  // Calls with so many fresh buffers and gives what they hold.
  outputs(count, call) {
    const bufs = Array.from({ length: count }, () => this.wasm.buf_new());
    try {
      this.check(call(...bufs));
      return bufs.map((buf) => this.read(this.wasm.buf_data(buf), this.wasm.buf_len(buf)));
    } finally {
      for (const buf of bufs) this.wasm.buf_free(buf);
    }
  }

  output(call) { return this.outputs(1, call)[0]; }

  // Calls with the place of so many bytes of the instance, and gives them.
  fixed(length, call) {
    const at = this.wasm.alloc(length);
    try {
      this.check(call(at) ?? 0);
      return this.read(at, length);
    } finally {
      this.wasm.free(at, length);
    }
  }

  // The number that a call writes to a place it is given.
  pointer(call) {
    const bytes = this.fixed(4, call);
    return new DataView(bytes.buffer).getUint32(0, true);
  }

  credential(at) {
    const [identity, signatureKey, oldIdentity, oldKey] = [0, 1, 2, 3].map(
      (field) => this.view(this.wasm.credential_bytes(at, field)));
    return { identity, signatureKey, replaces: oldKey.length > 0 ? { identity: oldIdentity, signatureKey: oldKey } : null };
  }

  // ---- In ----

  // Runs a call that keeps things in the instance until it returns; then they are wiped.
  keeping(call) {
    const before = this.#kept;
    this.#kept = [];
    try {
      return call();
    } finally {
      for (const end of this.#kept) end();
      this.#kept = before;
    }
  }

  keep(array) {
    const at = this.wasm.alloc(array.length);
    new Uint8Array(this.wasm.memory.buffer).set(array, at);
    this.#kept.push(() => this.wasm.free(at, array.length));
    return [at, array.length];
  }

  // Copies arrays into the instance for one call, as address and length each.
  lend(arrays, call) {
    return this.keeping(() => call(...arrays.flatMap((array) => this.keep(array))));
  }

  // A list of the instance, filled by `add` for each item.
  keepList(kind, items, add) {
    const list = this.wasm[`${kind}_new`]();
    this.#kept.push(() => this.wasm[`${kind}_free`](list));
    for (const item of items) this.check(add(list, item));
    return list;
  }

  // Pairs of [type, data].
  keepExtensions(extensions = []) {
    return this.keepList('extensions', extensions,
      (list, [type, data]) => this.wasm.extensions_add(list, type, ...this.keep(data)));
  }

  keepPackages(packages) {
    return this.keepList('packages', packages, (list, one) => this.wasm.packages_add(list, ...this.keep(one)));
  }

  // { seed, identity, lifetime, extensionTypes }: the lifetime is [from, to] in Unix seconds, or 90 days without one.
  keepClient({ seed, identity = new Uint8Array(), lifetime: [from, to] = [0, 0], extensionTypes = [] }) {
    const types = this.keepList('types', extensionTypes, (list, type) => this.wasm.types_add(list, type));
    const client = this.wasm.client_new(this.keep(seed)[0], ...this.keep(identity), from, to, types);
    this.#kept.push(() => this.wasm.client_free(client));
    return client;
  }

  // Proposals are { add: key package }, { remove: leaf }, { update: true }, { psk: id }, { resumption: { epoch, id } } (no id:
  // of the same group), { reinit: { id, suite, extensions } }, { extensions: [[type, data]] }.
  keepProposals(proposals) {
    return this.keepList('proposals', proposals, (list, proposal) => this.#append(list, proposal));
  }

  #append(list, proposal) {
    const { wasm } = this;
    const [name, ...others] = Object.keys(proposal);
    if (others.length > 0 || !PROPOSAL_NAMES.includes(name)) throw new TypeError(`a proposal is one of ${PROPOSAL_NAMES}`);
    const what = proposal[name];
    switch (name) {
      case 'add': return wasm.proposals_add(list, ...this.keep(what));
      case 'update': return wasm.proposals_update(list);
      case 'remove': return wasm.proposals_remove(list, what);
      case 'psk': return wasm.proposals_psk(list, ...this.keep(what));
      case 'resumption': return wasm.proposals_resumption(list, ...this.keep(what.id ?? new Uint8Array()), what.epoch);
      case 'reinit':
        return wasm.proposals_reinit(list, ...this.keep(what.id), what.suite, this.keepExtensions(what.extensions));
      default: return wasm.proposals_extensions(list, this.keepExtensions(what));
    }
  }
}
