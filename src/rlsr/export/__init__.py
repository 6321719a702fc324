"""A trained model as others use it: a directory for transformers, peft and servers, a GGUF file, a repository on the hub."""
