"""The experiment with mask explanations: networks whose truth is known, explained and judged."""
