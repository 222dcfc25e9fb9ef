"""From stored observations to what rules say of them."""
