// Runs before the first paint, so it is no module: the theme that was chosen, and whether a reload goes straight back into the chat.
try {
  const { dataset } = document.documentElement;
  const theme = localStorage.getItem("hubbub.theme");
  if (theme === "light" || theme === "dark") dataset.theme = theme;
  if (sessionStorage.getItem("hubbub.inside") && location.hash.length > 1) dataset.inside = "";
} catch {
  // Storage can be switched off; then nothing is remembered, and that is all.
}
