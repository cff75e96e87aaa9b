"""ComfyUI: pictures by a graph of nodes, on a machine of one's own."""
