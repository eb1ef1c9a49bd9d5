"""FlashAlpha's published exposures as a source: baskets in one call now, one call a symbol at a past minute."""
