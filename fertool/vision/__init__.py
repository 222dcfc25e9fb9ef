"""Pure steps on pictures, boxes and poses."""
