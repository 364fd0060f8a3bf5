// Lists the passages that have all words of the search, those with a word in their heading first.
const field = document.getElementById("words");
const found = document.getElementById("found");

function passages(words) {
  const all = PASSAGES.map((one) => {
    const heading = one.heading.toLowerCase();
    const text = one.text.toLowerCase();
    const has = words.every((word) => heading.includes(word) || text.includes(word));
    return has && { one, in_heading: words.some((word) => heading.includes(word)) };
  });
  return all.filter(Boolean).sort((a, b) => b.in_heading - a.in_heading).slice(0, 20);
}

function excerpt(text, word) {
  const at = Math.max(0, text.toLowerCase().indexOf(word) - 60);
  return (at > 0 ? "… " : "") + text.slice(at, at + 180).trim() + " …";
}

field.addEventListener("input", () => {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  found.replaceChildren();
  if (words.length === 0) return;
  const all = passages(words);
  if (all.length === 0) found.textContent = "No passage has these words.";
  for (const { one } of all) {
    const line = document.createElement("p");
    const link = document.createElement("a");
    link.href = one.topic + ".html" + (one.anchor && "#" + one.anchor);
    link.textContent = one.topic + ": " + one.heading;
    const text = document.createElement("div");
    text.textContent = excerpt(one.text, words[0]);
    line.append(link, text);
    found.append(line);
  }
});
