"""LangChain's wrapper of OpenAI's images, and the tool that its agents call."""

from calls import API_KEY, BASE_URL, serve
from langchain_community.tools.openai_dalle_image_generation import OpenAIDALLEImageGenerationTool
from langchain_community.utilities.dalle_image_generator import DallEAPIWrapper


def wrapper(**options: object) -> DallEAPIWrapper:
    return DallEAPIWrapper(base_url=BASE_URL, api_key=API_KEY, max_retries=0, **options)


def run(prompt: str, **options: object) -> str:
    return wrapper(**options).run(prompt)


def invoke(prompt: str, **options: object) -> str:
    return OpenAIDALLEImageGenerationTool(api_wrapper=wrapper(**options)).invoke(prompt)


serve({"run": run, "invoke": invoke})
