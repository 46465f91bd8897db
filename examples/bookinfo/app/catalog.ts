// The bookstore's data: one book, its details, two readers' reviews and their ratings. Every
// service serves its own part.

/** The details service's answer for a book. */
export interface BookDetails {
  readonly title: string;
  readonly author: string;
  readonly year: number;
  readonly type: string;
  readonly pages: number;
  readonly language: string;
}

/** A review without its rating, which only the ratings service knows. */
export interface Review {
  readonly reviewer: string;
  readonly text: string;
}

/** The only book on the shelf; its id in every path is ignored. */
export const book: BookDetails = {
  title: 'Travels with a Donkey in the Cévennes',
  author: 'Robert Louis Stevenson',
  year: 1879,
  type: 'paperback',
  pages: 248,
  language: 'English',
};

/** The answer of the reviews service, in every version. */
export const reviews: readonly Review[] = [
  { reviewer: 'A walker', text: 'Twelve days on foot, one stubborn donkey, and not a page too many.' },
  {
    reviewer: 'A librarian',
    text: 'Pack it beside the map: it is the better guide to the company you keep on the road.',
  },
];

/** Stars, 1 to 5, by reviewer: the ratings service's answer. */
export const ratings: Readonly<Record<string, number>> = { 'A walker': 5, 'A librarian': 4 };
