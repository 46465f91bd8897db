// The HTML of the bookstore: the front page, and the product page with the answers of the other
// services.

import type { BookDetails, Review } from './catalog.ts';

/** A part of the product page: the answer of the service, or the reason why it is missing. */
export type Part<T> =
  { readonly kind: 'answered'; readonly value: T } | { readonly kind: 'missing'; readonly why: string };

/**
 * The reviews service's answer: the pod that gave it, and the reviews with stars where that version
 * has them.
 */
export interface ReviewsAnswer {
  readonly pod: string;
  readonly color?: string;
  readonly ratingsError?: string;
  readonly reviews: readonly (Review & { readonly stars?: number })[];
}

/** The page at `/`. */
export function formatFrontPage(): string {
  return formatPage(`<h1>Simple Bookstore</h1>
<p>One book, four services. <a href="/productpage">See the book of the month</a>.</p>`);
}

/**
 * The page at `/productpage`; the pod that gave the reviews stands in a line of its own, so that
 * grep counts pods.
 */
export function formatProductPage(details: Part<BookDetails>, reviews: Part<ReviewsAnswer>): string {
  return formatPage(`${formatDetails(details)}
<h2>Reviews</h2>
${formatReviews(reviews)}`);
}

function formatPage(content: string): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Simple Bookstore App</title>
<style>body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem } dt { font-weight: 600 }</style>
</head>
<body>
${content}
</body>
</html>
`;
}

function formatDetails(details: Part<BookDetails>): string {
  if (details.kind === 'missing') {
    return `<h1>The book of the month</h1>
<p>Its details are missing: ${escapeHtml(details.why)}</p>`;
  }
  const { title, ...facts } = details.value;
  const rows = Object.entries(facts).map(
    ([name, value]) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(String(value))}</dd>`,
  );
  return `<h1>${escapeHtml(title)}</h1>
<dl>${rows.join('')}</dl>`;
}

function formatReviews(reviews: Part<ReviewsAnswer>): string {
  if (reviews.kind === 'missing') return `<p>Reviews are missing: ${escapeHtml(reviews.why)}</p>`;
  const { pod, color, ratingsError } = reviews.value;
  const quotes = reviews.value.reviews.map(({ reviewer, text, stars }) => {
    const rating = stars === undefined ? '' : `<br>${formatStars(stars, color ?? 'black')}`;
    return `<blockquote>${escapeHtml(text)}<br>&mdash; ${escapeHtml(reviewer)}${rating}</blockquote>`;
  });
  const note = ratingsError === undefined ? '' : `\n<p>Ratings are missing: ${escapeHtml(ratingsError)}</p>`;
  return `${quotes.join('\n')}${note}
<p>Reviews served by:</p>
<u>${escapeHtml(pod)}</u>`;
}

function formatStars(stars: number, color: string): string {
  return `<span style="color: ${escapeHtml(color)}">${'★'.repeat(stars)}${'☆'.repeat(Math.max(0, 5 - stars))}</span>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
