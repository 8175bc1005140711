// A call that is refused because the session has ended leads to the log-in page: a page that no longer changes
// must not look like a quiet plant.
(() => {
  const ask = window.fetch;
  window.fetch = async (...given) => {
    const answer = await ask(...given);
    if (answer.status === 401) location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
    return answer;
  };
})();
