"""What the bot answers to over HTTP: Telegram's webhook, questions about its health."""
