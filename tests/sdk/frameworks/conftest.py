"""Where the suites find the gateway: SLUICE_URL (without a path) and SLUICE_KEY (a virtual key)."""

import os

import pytest

URL = os.environ.get("SLUICE_URL", "http://127.0.0.1:8787").rstrip("/")
KEY = os.environ.get("SLUICE_KEY", "sk-sluice-dev")
MODELS = ["chat-openai", "chat-anthropic", "chat-gemini", "chat-bedrock"]


@pytest.fixture(params=MODELS)
def model(request):
    """Models that are answered through another wire format each."""
    return request.param
