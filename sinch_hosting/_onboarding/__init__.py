"""Onboarding: numbers from wherever they are to text-enabled on a plan and campaign."""
