"""Pictures of workflows: `picture` says what is in one; `terminal`, `mermaid` and `svg` draw it. All pure."""
