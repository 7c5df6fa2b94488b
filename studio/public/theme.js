// Runs before the first paint, so that a chosen theme never flashes the other one. A file of its
// own because the policy of the page allows no inline script.
try {
  const theme = localStorage.getItem('spillway.theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
} catch {
  // Storage is switched off: the system's theme it is.
}
