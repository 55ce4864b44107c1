"""Where the suites find what they talk to.

SLUICE_URL      the gateway, without a path
SLUICE_KEY      a virtual key
SLUICE_DIRECT   1 if SLUICE_URL is the mock provider itself: proves that the mock is what the SDKs expect
"""

import os

import anthropic
import httpx
import openai
import pytest

URL = os.environ.get("SLUICE_URL", "http://127.0.0.1:8787").rstrip("/")
KEY = os.environ.get("SLUICE_KEY", "sk-sluice-dev")
DIRECT = os.environ.get("SLUICE_DIRECT") == "1"

# What is tested in every detail, and every upstream format.
CHAT_MODELS = ["mock-large"] if DIRECT else ["chat-openai", "chat-anthropic"]
FORMATS = ["openai", "responses", "anthropic", "gemini", "cohere", "bedrock", "ollama", "workers-ai"]

EMBED_MODEL = "mock-embedding" if DIRECT else "embed"

gateway_only = pytest.mark.skipif(DIRECT, reason="needs the gateway")

# The smallest PNG there is: one pixel.
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
def url():
    return URL


@pytest.fixture(params=CHAT_MODELS)
def model(request):
    """Each model that is answered through another wire format."""
    return request.param


@pytest.fixture(params=[f"chat-{name}" for name in FORMATS])
def any_model(request):
    """A model behind each upstream format."""
    return request.param


@pytest.fixture
def embed_model():
    return EMBED_MODEL


@pytest.fixture
def oai():
    """The OpenAI SDK as it comes, except that it does not retry."""
    with openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=20) as client:
        yield client


@pytest.fixture
def ant():
    """The Anthropic SDK as it comes, except that it does not retry."""
    with anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0, timeout=20) as client:
        yield client


@pytest.fixture
def http():
    with httpx.Client(base_url=URL, timeout=20) as client:
        yield client
