"""Routes and named endpoints, and what guards them."""
