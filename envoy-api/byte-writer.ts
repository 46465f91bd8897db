// Protobuf's wire form, written from its end to its beginning. When the length of a message is
// written, its bytes are there already, so nothing is measured or copied twice.

import { Buffer } from 'node:buffer';

/** Bytes that grow at their front: the last bytes that were written stand first. */
export class ByteWriter {
  #buffer: Buffer = Buffer.allocUnsafeSlow(1 << 16);
  #start: number = this.#buffer.length;

  /** Bytes written so far. */
  get length(): number {
    return this.#buffer.length - this.#start;
  }

  /** A copy of everything after the first `mark` bytes that were written. */
  copySince(mark: number): Uint8Array {
    const copy = new Uint8Array(this.length - mark);
    copy.set(this.#buffer.subarray(this.#start, this.#buffer.length - mark));
    return copy;
  }

  /** Forgets everything after the first `mark` bytes that were written. */
  reset(mark = 0): void {
    this.#start = this.#buffer.length - mark;
  }

  /** Bytes as they are. */
  bytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#start -= bytes.length;
    this.#buffer.set(bytes, this.#start);
  }

  /** UTF-8, without a length. */
  text(text: string): void {
    const { length } = text;
    // Most texts are short and plain, for which a call into the runtime costs more than the loop.
    if (length < 128) {
      this.#reserve(length);
      const from = this.#start - length;
      let index = 0;
      for (; index < length; index += 1) {
        const code = text.charCodeAt(index);
        if (code > 127) break;
        this.#buffer[from + index] = code;
      }
      if (index === length) {
        this.#start = from;
        return;
      }
    }
    const size = Buffer.byteLength(text);
    this.#reserve(size);
    this.#start -= size;
    this.#buffer.write(text, this.#start, size, 'utf8');
  }

  /** An integer that a double holds, not negative. */
  varint(value: number): void {
    this.#reserve(10);
    let size = 1;
    for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size += 1;
    this.#start -= size;
    let at = this.#start;
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.#buffer[at++] = (rest % 128) | 128;
    this.#buffer[at] = rest;
  }

  /** 64 bits as unsigned. */
  varint64(value: bigint): void {
    this.#reserve(10);
    const bytes: number[] = [];
    let rest = BigInt.asUintN(64, value);
    for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
    bytes.push(Number(rest));
    this.bytes(Uint8Array.from(bytes));
  }

  /** 64 bits. */
  double(value: number): void {
    this.#reserve(8);
    this.#start -= 8;
    this.#buffer.writeDoubleLE(value, this.#start);
  }

  /** 32 bits. */
  float(value: number): void {
    this.#reserve(4);
    this.#start -= 4;
    this.#buffer.writeFloatLE(value, this.#start);
  }

  /** 32 bits; negative as two's complement. */
  fixed32(value: number): void {
    this.#reserve(4);
    this.#start -= 4;
    this.#buffer.writeInt32LE(value | 0, this.#start);
  }

  /** 64 bits. */
  fixed64(value: bigint): void {
    this.#reserve(8);
    this.#start -= 8;
    this.#buffer.writeBigUInt64LE(BigInt.asUintN(64, value), this.#start);
  }

  #reserve(size: number): void {
    if (this.#start >= size) return;
    const used = this.length;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, used + size));
    this.#buffer.copy(grown, grown.length - used, this.#start);
    this.#buffer = grown;
    this.#start = grown.length - used;
  }
}
