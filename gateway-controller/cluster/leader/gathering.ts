// A look at changes that are gathered for a while: however often it is asked for meanwhile, it
// happens once.

/** Looks until `stop`. */
export class Gathering {
  readonly #pauseMs: number;
  readonly #look: () => void;
  #timer: NodeJS.Timeout | undefined;

  /** `look` is called `pauseMs` milliseconds after the first request since the last look. */
  constructor(pauseMs: number, look: () => void) {
    this.#pauseMs = pauseMs;
    this.#look = look;
  }

  /** Whether a look is due. */
  get isDue(): boolean {
    return this.#timer !== undefined;
  }

  request(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#look();
    }, this.#pauseMs);
  }

  /** Drops the look that is due. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
