// Which addresses from outside may be followed.

/** An address that may be followed, or none: never `javascript:`. */
export function safe(url) {
  try {
    const found = new URL(url, document.baseURI);
    return url && /^https?:$/.test(found.protocol) ? found.href : null;
  } catch {
    return null;
  }
}
