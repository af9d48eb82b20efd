"""Models on OpenAI-compatible endpoints: calls, answers, readers."""
